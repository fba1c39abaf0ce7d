"""What stands in the place of each circuit of part 1."""

import numpy as np

from qhelpers.ledger.evidence import Evidence
from qhelpers.papers.low_energy import answer


def test_the_free_fit_is_compared_on_the_same_draws():
    rows = {(one.what, one.control, one.place): one for one in answer.ingredients()}
    assert len(rows) == 20 and {one.n for one in rows.values()} == {20}
    one = rows["QNN-P as a ring", "its own terms, free", "tracker"]
    means = [
        answer.mean(config, "ton_iot_gps") for config in (answer.NETWORKS["QNN-P as a ring"], {"model": "trigonometric-ring"})
    ]
    assert np.isclose(one.effect, 100 * (means[0] - means[1])) and one.says == "behind"
    assert {one.control for one in rows.values() if not one.classical} == set(answer.WEAKENED)
    assert Evidence().shared("low-energy", "ton_iot_gps") < 0.5
