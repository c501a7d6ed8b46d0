"""An upload form and a queue for one board on one machine: received, waiting, scored, shown.

`settings` what an operator chooses, `store` the tables, `tokens` who may upload, `rates` how often, `receiving` a body
streamed to the disk, `jobs` the queue, `scorer` one submission in a process of its own, `worker` the thread that keeps
those processes busy, `app` the pages.
"""
