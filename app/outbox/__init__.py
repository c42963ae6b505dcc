"""The outbox: messages queued in the transaction they report on, and sent after its commit."""
