"""The message catalogue: what errors, problems, findings and notices say.

Code raises a stable ``code`` with named values; text is made where somebody reads it. The texts
stand in ``resources/messages/<language>/<topic>.json``: ``code: [what happened, what to do next]``.
A new message is one entry in English and one in Italian; tests find codes without text, texts
without code, and templates whose values are not given.

Templates are Python format strings with the formats of :mod:`.formatting`::

    "{path} has {rows:# row|# rows} and takes {size:bytes}."

A code whose wording depends on the case has variants: ``"data.broken_json/unclosed"`` is the text
of ``InputError("data.broken_json", variant="unclosed", …)``. A value may be a message itself, an
error or a :class:`Phrase`: ``"{reason:message} {reason:hint}"``. The value ``within`` lists the
messages that the message is part of, innermost first; see :meth:`UserFacingError.within`.

Where the advice is a command, ``resources/messages/window`` has the window's words for it.
"""

from phi3studio.domain.messages.catalogue import CATALOGUE, find, messages_in, messages_of_window
from phi3studio.domain.messages.coded import Coded, Phrase, plain_values, say
from phi3studio.domain.messages.message import Message, Said, Values
from phi3studio.domain.messages.rendering import WITHIN, render, say_within

__all__ = [
    "CATALOGUE", "WITHIN", "Coded", "Message", "Phrase", "Said", "Values", "find", "messages_in",
    "messages_of_window", "plain_values", "render", "say", "say_within",
]  # fmt: skip
