"""Which test proves which row of the fault matrix; every one of them ends with the sixteen invariants."""

import ast
from pathlib import Path

HERE = Path(__file__).parent
MATRIX = {
    "kill -9 of the web before/after commit": [
        "test_a_web_that_is_killed_at_a_commit_has_stored_the_fact_and_its_letter_or_neither",
        "test_an_answer_that_was_acknowledged_outlives_the_web_and_a_second_one_changes_nothing",
    ],
    "kill at claim, EHLO, MAIL, RCPT, mid-body": [
        "test_a_kill_at_every_single_send_loses_nothing",
        "test_a_kill_before_the_fence_costs_no_second_copy_and_one_behind_it_at_most_one",
    ],
    "kill after the dot or after the 250": [
        "test_a_kill_at_every_single_send_loses_nothing",
        "test_a_kill_before_the_fence_costs_no_second_copy_and_one_behind_it_at_most_one",
    ],
    "SIGTERM": ["test_a_worker_that_is_asked_to_end_leaves_no_trace"],
    "SIGSTOP past the lease, then SIGCONT": [
        "test_a_frozen_worker_that_wakes_up_too_late_is_refused_at_the_fence",
    ],
    "4-8 workers": ["test_six_workers_side_by_side_make_one_attempt_each"],
    "refused, DNS, bad TLS, AUTH 535": [
        "test_a_mail_server_that_cannot_be_used_burns_no_attempt_and_is_never_written_to_in_the_clear",
    ],
    "hang or 421 at any verb": [
        "test_a_server_that_hangs_or_closes_before_it_knows_the_letter_burns_no_attempt",
        "test_what_a_server_says_of_one_letter_is_for_that_letter_alone",
    ],
    "450/451 at RCPT or DATA": [
        "test_what_a_server_says_of_one_letter_is_for_that_letter_alone",
        "test_a_sign_in_letter_that_is_put_off_too_long_expires_and_an_announcement_arrives_later",
    ],
    "550/552 for one of many": ["test_what_a_server_says_of_one_letter_is_for_that_letter_alone"],
    "250 dropped, late or garbage": [
        "test_a_yes_that_did_not_arrive_is_ambiguous_and_the_letter_comes_again_under_the_same_name",
    ],
    "a server at 1 byte/s": ["test_a_server_that_answers_a_byte_a_second_keeps_no_sign_in_waiting"],
    "PostgreSQL stopped at once": ["test_a_database_that_is_stopped_at_once_comes_back_and_nothing_is_lost"],
    "backend terminated": [
        "test_a_connection_that_is_cut_off_costs_neither_a_copy_nor_a_doubt",
        "test_a_transaction_that_is_cut_off_gives_its_connection_back",
        "test_a_commit_that_is_cut_off_leaves_no_transaction_behind",
    ],
    "PostgreSQL paused or locked": [
        "test_a_frozen_database_is_a_503_that_says_when_to_ask_again",
        "test_a_locked_table_is_a_503_and_nothing_is_stored_later_on",
    ],
    "disk full": ["test_a_full_disk_is_said_and_leaves_nothing_half_written"],
    "clock +-2 h, +10 y": [
        "test_a_clock_that_jumps_lets_nothing_expire_and_nothing_leave_until_it_is_right_again",
        "test_a_worker_whose_clock_is_not_the_databases_waits",
    ],
    "gap and overlap days, tzdata change": [
        "test_on_the_day_clocks_change_each_is_reminded_once_and_page_letters_and_calendars_agree",
        "test_when_a_zone_changes_between_planning_and_sending_page_letters_and_calendars_agree",
    ],
    "worker down at due time": [
        "test_without_a_worker_a_reminder_comes_late_before_its_end_or_is_written_down_as_missed",
    ],
    "poison row": [
        "test_a_letter_that_cannot_be_written_is_set_aside_and_the_others_flow",
        "test_a_letter_that_ends_its_workers_is_set_aside_and_the_others_flow",
    ],
    "cancel or erase racing with send": [
        "test_what_is_called_off_while_it_is_offered_is_not_sent",
        "test_a_newer_letter_about_a_seat_never_comes_before_an_older_one",
        "test_a_member_who_is_erased_gets_nothing_more",
    ],
    "solver killed or out of memory": [
        "test_a_solver_that_fails_puts_the_round_back_and_the_organizer_is_told_calmly",
        "test_a_solver_dies_with_its_worker_and_another_worker_matches_the_round",
    ],
    "restore, staging clone": [
        "test_a_restored_copy_holds_its_letters_until_somebody_says_that_it_is_the_one",
        "test_a_clone_beside_its_original_is_a_copy_as_well",
    ],
    "upgrade with rows in flight": [
        "test_rows_of_the_version_before_leave_and_its_workers_get_no_new_ones",
        "test_facts_of_a_version_to_come_are_set_aside_not_lost",
    ],
}


def what_is_there() -> dict[str, ast.AsyncFunctionDef]:
    trees = [ast.parse(path.read_text()) for path in HERE.glob("test_*.py")]
    return {one.name: one for tree in trees for one in tree.body if isinstance(one, ast.AsyncFunctionDef)}


def test_every_row_names_what_is_there_and_end_with_the_invariants() -> None:
    there = what_is_there()
    named = {test for tests in MATRIX.values() for test in tests}

    assert (len(MATRIX), named - there.keys()) == (24, set())
    assert [test for test in sorted(named) if "assert_invariants(" not in ast.unparse(there[test])] == []
