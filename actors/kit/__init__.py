"""What `clew.testing` opens.

script.py, scripted_model.py   models that answer from a script
scenario.py, readable.py       given, when, then; events as people read and compare them
simulation/                    any order of nodes, calls, waits and crashes, on a virtual clock
machine/                       a Hypothesis state machine made from a graph
crash/                         `kill -9` at every append, in real processes
recorded_log.py, laws.py       logs as files; what every log must keep
fitting.py                     the deploy gate as an assertion
faulty_store.py                a store that fails at the n-th call
store_contract.py              what every store must do
vault_contract.py              what every vault of keys must do
plugin.py                      the pytest plug-in
strategies/                    Hypothesis strategies for all that a thread can hold
"""
