"""The v3 event stream: one pump over a run's stream feeds transformers, which make projections of it.

`door` opens a run, `run_stream` is what the caller holds and whose reading moves the run on, `mux` sends each event
through the transformers and into the log, `channel` is a queue that one reader drains. What transformers and muxes do
is written once, as generators of `steps`; the sync and the async door differ in how they take a step.
"""
