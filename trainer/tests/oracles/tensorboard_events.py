"""What TensorBoard's own code says of event files (pip install tensorboard).

    python3 trainer/tests/oracles/tensorboard_events.py              # the bytes that the tests hold
    python3 trainer/tests/oracles/tensorboard_events.py RUN_FOLDER   # the values of a run, as TensorBoard reads them
"""

import io
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

if len(sys.argv) == 1:
    values = [Summary.Value(tag="loss/all", simple_value=0.6875), Summary.Value(tag="auc/held_out", simple_value=0.0)]
    event = Event(wall_time=1.7e9, step=300, summary=Summary(value=values))
    file = io.BytesIO()
    RecordWriter(file).write(event.SerializeToString())
    print(file.getvalue().hex())
else:
    run = EventAccumulator(sys.argv[1])
    run.Reload()
    for tag in run.Tags()["scalars"]:
        print(tag, [(scalar.step, round(scalar.value, 6)) for scalar in run.Scalars(tag)])
