"use strict";
// The page asks for itself again and takes over what changed; where that fails it says since when it is old.
const every = 1000 * Number(document.documentElement.dataset.refresh);
const fresh = document.getElementById("fresh");
let seen = new Date();

const time = (moment) => moment.toLocaleTimeString();

async function refresh() {
  try {
    const response = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(2 * every) });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const main = page.getElementById("main");
    if (!response.ok) throw new Error(`the canary answers with status ${response.status}`);
    if (!main) throw new Error("the canary is not what answers");
    take(main);
    document.title = page.title;
    seen = new Date();
    say(`Refreshes every ${every / 1000} s`, false);
  } catch (error) {
    const why = error.message.startsWith("the canary") ? error.message : "the canary does not answer";
    say(`Not refreshed since ${time(seen)}: ${why}. What you see is old.`, true);
  }
}

function take(main) {
  const focused = document.activeElement?.closest("#main a")?.getAttribute("href");
  document.getElementById("main").replaceWith(main);
  if (focused) main.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function say(words, old) {
  if (fresh.textContent !== words) fresh.textContent = words;
  document.documentElement.classList.toggle("old", old);
}

if (every) {
  let waiting = 0;
  const again = async () => {
    clearTimeout(waiting);
    if (!document.hidden) await refresh();
    waiting = setTimeout(again, every);
  };
  document.addEventListener("visibilitychange", () => document.hidden || again());
  say(`Refreshes every ${every / 1000} s`, false);
  waiting = setTimeout(again, every);
}

// The sound: a line where it plays, and a click that goes there.
const audio = document.getElementById("audio");
if (audio) {
  const sound = document.getElementById("sound");
  const playhead = document.getElementById("playhead");
  const seconds = Number(sound.dataset.seconds);
  const show = () => {
    const at = `${(100 * audio.currentTime) / seconds}%`;
    playhead.setAttribute("x1", at);
    playhead.setAttribute("x2", at);
    playhead.setAttribute("visibility", "visible");
    if (!audio.paused) requestAnimationFrame(show);
  };
  for (const event of ["play", "seeked", "timeupdate"]) audio.addEventListener(event, show);
  sound.addEventListener("click", (click) => {
    const place = sound.getBoundingClientRect();
    audio.currentTime = ((click.clientX - place.left) / place.width) * seconds;
  });
}
