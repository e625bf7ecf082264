//! What sessions share on the reactor's thread: accounts, ledgers, tokens, penalties.
