"""The tree against an independent, recursive reading of RFC 6962 section 2.1, and against its published structure."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solon.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    extends,
    includes,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
)

# The eight leaves of the tests of Certificate Transparency, and the roots of the trees over the first n of them.
LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def tree(leaves):
    """MTH of the RFC, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + tree(leaves[:k]) + tree(leaves[k:])).digest()


def hashes(count):
    return [leaf_hash(str(n).encode()) for n in range(count)]


def test_the_published_trees():
    leaves = [leaf_hash(data) for data in LEAVES]
    assert [root_of(leaves[: n + 1]).hex() for n in range(8)] == ROOTS
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of([]) == EMPTY_ROOT


def test_the_paths_that_the_rfc_draws():
    """RFC 6962, 2.1.3: seven leaves a..h, inclusion of d0, d3, d4, d6, consistency with 3, 4 and 6 of 7."""
    a, b, c, d, e, f, j = leaves = hashes(7)
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k, left = node_hash(i, j), node_hash(g, h)
    assert inclusion_proof(leaves, 0) == [b, h, k]
    assert inclusion_proof(leaves, 3) == [c, g, k]
    assert inclusion_proof(leaves, 4) == [f, j, left]
    assert inclusion_proof(leaves, 6) == [i, left]
    assert consistency_proof(leaves, 3) == [c, d, g, k]
    assert consistency_proof(leaves, 4) == [k]
    assert consistency_proof(leaves, 6) == [i, j, left]


@pytest.mark.parametrize("count", range(1, 34))
def test_every_leaf_and_every_earlier_log_of_small_trees(count):
    leaves = hashes(count)
    root = root_of(leaves)
    assert root == tree(leaves)
    for index in range(count):
        proof = inclusion_proof(leaves, index)
        assert includes(root, count, index, leaves[index], proof)
        assert not includes(root, count, index, leaf_hash(b"other"), proof)
        assert not includes(root, count, index, leaves[index], [*proof, root])
        if proof:
            assert not includes(root, count, index, leaves[index], proof[:-1])
    for earlier in range(1, count + 1):
        proof = consistency_proof(leaves, earlier)
        assert extends(tree(leaves[:earlier]), earlier, root, count, proof)
        assert not extends(leaf_hash(b"other"), earlier, root, count, proof)
        assert not extends(tree(leaves[:earlier]), earlier, leaf_hash(b"other"), count, proof)


@given(st.integers(1, 300), st.data())
def test_a_frontier_goes_on_where_it_was_left(count, data):
    leaves = hashes(count)
    cut = data.draw(st.integers(0, count))
    first = Frontier()
    first.extend(leaves[:cut])
    second = Frontier(cut, first.peaks)
    second.extend(leaves[cut:])
    assert second.root() == tree(leaves)
    assert second.size == count


@given(st.integers(2, 200), st.data())
def test_a_changed_step_of_a_proof_proves_nothing(count, data):
    leaves = hashes(count)
    index = data.draw(st.integers(0, count - 1))
    proof = inclusion_proof(leaves, index)
    changed = list(proof)
    changed[data.draw(st.integers(0, len(proof) - 1))] = leaf_hash(b"x")
    assert not includes(root_of(leaves), count, index, leaves[index], changed)
    other = data.draw(st.integers(0, count - 1).filter(lambda n: n != index))
    assert not includes(root_of(leaves), count, other, leaves[index], proof)


def test_what_cannot_be_asked():
    with pytest.raises(ValueError, match="no leaf 3"):
        inclusion_proof(hashes(3), 3)
    with pytest.raises(ValueError, match="no log of 4"):
        consistency_proof(hashes(3), 4)
    with pytest.raises(ValueError, match="cannot cover 3"):
        Frontier(3, hashes(1))
    assert not includes(EMPTY_ROOT, 0, 0, EMPTY_ROOT, [])
    assert not extends(EMPTY_ROOT, 0, EMPTY_ROOT, 1, [])
