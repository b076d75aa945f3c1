// The call page: joins the trial's room, publishes the microphone, plays the agent and shows its state.
"use strict";

const AGENT_WITHIN_MS = 20_000; // LiveKit's own interface gives up then, in the words below
const WORDS = {
  absent: "Agent did not join the room.",
  unready: "Agent joined the room but did not complete initializing.",
  gone: "Agent left the room unexpectedly.",
};
// What the agent says of itself in `lk.agent.state`, to what the page shows; any other state means: not there yet.
const STATES = { idle: "listening", listening: "listening", thinking: "thinking", speaking: "speaking" };
const LABELS = { connecting: "connecting…", listening: "listening", thinking: "thinking…", speaking: "speaking", failed: "not connected" };

const call = document.getElementById("call");
const stateLine = document.getElementById("state");
const errorLine = document.getElementById("error");
const microphoneButton = document.getElementById("microphone");
const soundButton = document.getElementById("sound");
const leaveLink = document.getElementById("leave");

function show(state) {
  if (call.dataset.state === state) return;
  call.dataset.state = state;
  stateLine.textContent = LABELS[state];
}

function complain(sentence) {
  errorLine.textContent = sentence;
  errorLine.hidden = false;
}

function fail(sentence) {
  show("failed");
  complain(sentence);
  microphoneButton.hidden = soundButton.hidden = true;
  leaveLink.textContent = "Start again";
}

async function answer(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error ?? `The server answered with status ${response.status}.`);
  return body;
}

async function start() {
  if (typeof LivekitClient === "undefined") {
    await answer("/static/livekit-client.umd.js").catch((error) => fail(error.message));
    return;
  }
  const details = await answer(`/api/connection-details?trial=${encodeURIComponent(call.dataset.trial)}`);
  const { Room, RoomEvent, Track } = LivekitClient;
  const room = new Room({ adaptiveStream: true });
  let agent; // the participant that is our agent, once seen
  let over = false; // failed: nothing changes the page any more

  const end = (sentence) => {
    if (over) return;
    over = true;
    clearTimeout(deadline);
    fail(sentence);
  };
  const deadline = setTimeout(() => {
    end(agent ? WORDS.unready : WORDS.absent);
    room.disconnect();
  }, AGENT_WITHIN_MS);

  const look = () => {
    if (over) return;
    agent ??= [...room.remoteParticipants.values()].find((one) => one.isAgent && !one.attributes["lk.publish_on_behalf"]);
    const state = STATES[agent?.attributes["lk.agent.state"]];
    if (state) clearTimeout(deadline);
    show(state ?? "connecting");
  };

  room
    .on(RoomEvent.ParticipantConnected, look)
    .on(RoomEvent.ParticipantAttributesChanged, look)
    .on(RoomEvent.ParticipantDisconnected, (one) => {
      if (one !== agent) return;
      end(WORDS.gone);
      room.disconnect();
    })
    .on(RoomEvent.TrackSubscribed, (track) => {
      if (track.kind === Track.Kind.Audio) document.body.append(track.attach());
    })
    .on(RoomEvent.TrackUnsubscribed, (track) => track.detach().forEach((element) => element.remove()))
    .on(RoomEvent.AudioPlaybackStatusChanged, () => (soundButton.hidden = over || room.canPlaybackAudio))
    .on(RoomEvent.Disconnected, () => end("The call has ended."));

  soundButton.addEventListener("click", () => room.startAudio());
  microphoneButton.addEventListener("click", async () => {
    const mute = room.localParticipant.isMicrophoneEnabled;
    await room.localParticipant.setMicrophoneEnabled(!mute);
    microphoneButton.textContent = mute ? "Unmute" : "Mute";
    microphoneButton.setAttribute("aria-pressed", String(mute));
  });

  try {
    await room.connect(details.serverUrl, details.participantToken);
  } catch (error) {
    end(`The room cannot be joined: ${error.message}`);
    return;
  }
  look();
  try {
    await room.localParticipant.setMicrophoneEnabled(true);
    microphoneButton.disabled = over;
  } catch (error) {
    if (!over) complain(`The agent cannot hear you: ${error.message}`);
  }
}

start().catch((error) => fail(error.message));
