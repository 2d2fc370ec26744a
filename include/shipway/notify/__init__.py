"""The room of the messages: what is said to people, and how a card and a mail look. It sends nothing.

The texts lie by chapter of the loop: :mod:`~shipway.notify.release_texts`, :mod:`~shipway.notify.approval_texts`,
:mod:`~shipway.notify.performance_texts`; :mod:`~shipway.notify.texts` names them all in one place.
"""
