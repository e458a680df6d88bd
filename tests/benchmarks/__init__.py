"""The same workload on clew and on the installed langgraph, in turn, in one run.

Start it with `python tests/benchmarks/run.py`. One file, one noun: `workloads` (what is done), `engines` (whose
names it is done with), `stores` (where it is kept), `worker` (one process for one engine), `duel` (two workers taking
turns), `measuring` (medians and spreads), `limits` (what must be reached), `report` (tables). `worker` and what it
imports need nothing but the standard library and the engine, so the peer may live in another environment.
"""
