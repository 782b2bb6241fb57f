"""What came out, in words: whom a sentence is about, and that nothing is claimed that is not so."""

from mechpert_al.report.sentences import adapting_sentences, control_name


def row(strategy, learns, value, low, high):
    verdict = "gain" if low > 0 else "loss" if high < 0 else "tie"
    gain = {"value": value, "low": low, "high": high, "verdict": verdict}
    return {
        "dataset": "K562", "strategy": strategy, "rounds": 3, "learns": learns,
        "gain_over_one_shot": gain,
    }  # fmt: skip


def test_strategies_that_choose_the_same_either_way_share_a_sentence():
    told = list(
        adapting_sentences(
            [
                row("blind", False, 0.0, 0.0, 0.0),
                row("restarting", False, -0.014, -0.03, -0.001),
                row("learning", True, 0.02, 0.01, 0.03),
                row("other", False, 0.0, 0.0, 0.0),
                row("unmoved", True, 0.0, 0.0, 0.0),
            ]
        )
    )
    assert told == [
        "K562: restarting in 3 rounds is worse than choosing all at once (it does not look at "
        "measurements): -0.014 [-0.030, -0.001].",
        "K562: learning in 3 rounds is better than choosing all at once: +0.020 [+0.010, +0.030].",
        "K562: unmoved in 3 rounds is a tie with choosing all at once: +0.000 [+0.000, +0.000].",
        "K562: 2 strategies do not look at measurements and choose the same genes in rounds as at "
        "once: blind, other.",
    ]


def test_controls_have_names_for_people():
    assert control_name({"control": "control:permuted_panel"}) == "permuted panel"
    assert (
        control_name({"control": "control:permuted_feedback:adaptive_coverage"})
        == "permuted feedback for adaptive_coverage"
    )
