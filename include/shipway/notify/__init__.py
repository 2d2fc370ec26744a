"""The room of the messages: what a card or a mail says, no transport."""
