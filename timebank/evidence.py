"""Proofs made out of the book: an entry's, for whoever wants to check it without the book."""

from sqlmodel import Session

from timebank import proofs, reading
from timebank.base.errors import NotFound, Refused, Tampered
from timebank.base.i18n import say
from timebank.notes import Head, Vkey, read_head
from timebank.proof_files import Proof, Since, verify


def prove(session: Session, community_id: int, seq: int, note: str, key: Vkey, since: Head | None = None) -> Proof:
    """Prove that entry `seq` is in the log under a signed head (`note`), and that the head `since` is its prefix.

    Reads the leaf of every entry, once or twice. What is given out has been verified: raises what `proof_files.verify` raises
    where the book does not agree with its head, NotFound `no_entry`, Refused `not_signed_yet`.
    """
    head = read_head(note, key)
    payload = reading.payloads(session, community_id, [seq]).get(seq)
    if payload is None:
        raise NotFound(say("There is no entry {entry}.", entry=f"E{seq:06d}"), "no_entry", say("See timebank hours list."))
    if seq >= head.size:
        raise Refused(
            say("Entry {entry} is newer than the signed head, of {size} entries.", entry=f"E{seq:06d}", size=head.size),
            "not_signed_yet",
            say("Sign the log as it is now: timebank checkpoint make"),
        )
    path = proofs.inclusion(reading.leaves(session, community_id, head.size), seq, head.size)
    link = None
    if since is not None and 0 < since.size < head.size:
        leaves = reading.leaves(session, community_id, head.size)
        link = Since(since.size, tuple(proofs.consistency(leaves, since.size, head.size)))
    proof = Proof(payload, seq, head.size, tuple(path), note, link)
    try:
        verify(proof, key, since)
    except Tampered as error:
        raise type(error)(error.message, error.code, say("Run timebank audit: it says what was changed.")) from error
    return proof
