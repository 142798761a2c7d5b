"""What a parser that is not ours reads in an edit list; see edge/src/review/edl.rs.

pip install opentimelineio otio-cmx3600-adapter
python edge/tests/oracles/edl.py spans.edl 30000/1001
"""

import sys
from fractions import Fraction

import opentimelineio as otio

path, rate = sys.argv[1], float(Fraction(sys.argv[2]))
text = open(path, newline="").read()
timeline = otio.adapters.read_from_string(text, "cmx_3600", rate=rate)
for clip in timeline.tracks[0]:
    source = clip.source_range
    print(clip.name, source.start_time.to_frames(), source.duration.to_frames())
