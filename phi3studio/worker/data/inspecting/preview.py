"""One row as the model will see it, token by token."""

from __future__ import annotations

from phi3studio.domain.datasets.source_report import Preview, RejectedAnswer, Token
from phi3studio.worker.data.checking.short_text import shown_row
from phi3studio.worker.data.meaning.unread_parts import UnreadTally
from phi3studio.worker.data.preparing.row_pipeline import Passed, Process, Row
from phi3studio.worker.data.preparing.tokenise import Encoded, Encoder, Rendered

_RAW_CHARACTERS = 20_000
_TOKENS_SHOWN = 20_000


def preview(process: Process, row: Row, number: int) -> Preview:
    """*row* repaired, rendered and tokenised by the functions that training uses.

    Raises :class:`InputError` for a row that training could not use either.
    """
    rendered = process.render([row], [number])[0]
    if rendered.error is not None and rendered.dropped is None:
        raise rendered.error.placed(row=number + 1) from rendered.error
    passed = process.encode([rendered], spans=True)[0]
    if passed.rendered is None or passed.encoded is None:
        return Preview(
            row=number,
            raw=shown_row(row, _RAW_CHARACTERS),
            repaired=shown_row(passed.row, _RAW_CHARACTERS),
            prompt="",
            completion="",
            rendered="",
            tokens=(),
            prompt_tokens=0,
            trained_tokens=0,
            dropped=passed.dropped,
        )
    encoded, text = passed.encoded, passed.rendered
    tally = UnreadTally(process.data)
    process.count_unread(passed, tally, number)
    return Preview(
        row=number,
        raw=shown_row(row, _RAW_CHARACTERS),
        repaired=shown_row(passed.row, _RAW_CHARACTERS),
        prompt=text.prompt,
        completion=text.completion,
        rendered=_whole(process, text),
        tokens=_tokens(process, text, encoded)[:_TOKENS_SHOWN],
        prompt_tokens=min(encoded.prompt_tokens, process.max_tokens),
        trained_tokens=encoded.trained[: process.max_tokens].count(True),
        cut_off=max(0, len(encoded.ids) - process.max_tokens),
        dropped=passed.dropped,
        unread=tally.found(),
        rejected=_rejected(process, passed),
        good=passed.good,
    )


def _rejected(process: Process, passed: Passed) -> RejectedAnswer | None:
    if passed.rejected is None or passed.rejected_encoded is None:
        return None
    encoded, text = passed.rejected_encoded, passed.rejected
    return RejectedAnswer(
        completion=text.completion,
        rendered=_whole(process, text),
        tokens=_tokens(process, text, encoded)[:_TOKENS_SHOWN],
        trained_tokens=encoded.trained[: process.max_tokens].count(True),
        cut_off=max(0, len(encoded.ids) - process.max_tokens),
    )


def _whole(process: Process, text: Rendered) -> str:
    stop = process.encoder.stop.text
    return "".join(part.text + stop if part.ends else part.text for part in text.segments)


def _tokens(process: Process, rendered: Rendered, encoded: Encoded) -> tuple[Token, ...]:
    texts = _texts(process.encoder, rendered, encoded)
    tokens: list[Token] = []
    for at, (token, trained) in enumerate(zip(encoded.ids, encoded.trained, strict=True)):
        if at >= process.max_tokens:
            kind = "cut_off"
        elif not trained:
            kind = "masked"
        elif _is_stop(process.encoder, encoded, at):
            kind = "stop"
        else:
            kind = "trained"
        tokens.append(Token(id=token, text=texts[at], kind=kind))
    return tuple(tokens)


def _is_stop(encoder: Encoder, encoded: Encoded, at: int) -> bool:
    if encoded.spans:
        return encoded.spans[at][0] == -1
    return encoded.ids[at] == encoder.stop.id


def _texts(encoder: Encoder, rendered: Rendered, encoded: Encoded) -> list[str]:
    """The text of each token; joined they are the rendered text (after the beginning token).

    A token's text reaches from where the one before ended, so that characters which the
    tokenizer swallows are shown with what swallowed them.
    """
    if len(encoded.spans) != len(encoded.ids):
        return [encoder.tokenizer.decode([token]) for token in encoded.ids]
    texts: list[str] = []
    segment, reached = -1, 0
    for token, (number, _, end) in zip(encoded.ids, encoded.spans, strict=True):
        if number == -1:
            _finish(texts, rendered, segment, reached)
            segment, reached = -1, 0
            stop = token == encoder.stop.id
            texts.append(encoder.stop.text if stop else encoder.tokenizer.decode([token]))
            continue
        if number != segment:
            _finish(texts, rendered, segment, reached)
            segment, reached = number, 0
        texts.append(rendered.segments[number].text[reached : max(reached, end)])
        reached = max(reached, end)
    _finish(texts, rendered, segment, reached)
    return texts


def _finish(texts: list[str], rendered: Rendered, segment: int, reached: int) -> None:
    """Give the rest of a segment to its last token."""
    if segment >= 0 and texts:
        texts[-1] += rendered.segments[segment].text[reached:]
