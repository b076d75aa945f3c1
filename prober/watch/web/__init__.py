"""What the canary says over HTTP. It knows the canary only by the Protocol `prober.watch.status.Canary`.

`app` puts it together and listens; `operating`, `probing`, `api` and `stored` answer; `guard` says who may change
anything; `connections` and `responses` see that nobody can keep others from being answered, nor be told too much.
Pages for people come in through `serve(routes=…)` and find what they show in `request.app[SITE]` (`site`).
"""
