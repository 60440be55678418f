"""How long the rows of a run are, for the model card."""

from __future__ import annotations

from phi3studio.app.files import write_json
from phi3studio.runs.card.facts import LENGTHS
from phi3studio.runs.store import RunFolder
from phi3studio.worker.data.preparing.prepare_examples import Prepared

_BARS = 32


def write_lengths(run: RunFolder, prepared: Prepared) -> None:
    """Count the training and held-out rows by their tokens; written once."""
    import numpy as np
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    file = run.data / LENGTHS
    if file.is_file():
        return
    found = [
        np.asarray(pc.list_value_length(pq.read_table(part, columns=["input_ids"])["input_ids"]))
        for part in (prepared.train, prepared.held_out)
    ]
    lengths = np.concatenate(found)
    width = max(1, -(-int(lengths.max()) // _BARS))
    counts = np.bincount((lengths - 1) // width)
    write_json(
        file,
        {
            "version": 1,
            "counts": [[(at + 1) * width, int(count)] for at, count in enumerate(counts)],
        },
    )
