"""The faults that a meter of watts can meet, and the tests that put it through each of them.

The state or the words that a user sees are asserted there, not only that nothing crashes. None is left to real
hardware, but two are only as true as the stand-in: a process that not even SIGKILL ends is one whose kill is withheld,
and every number of a driver is the stand-in's.
"""

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]

FIELDS = "meters/test_gpu_fields.py"
LOSS = "meters/test_gpu_loss.py"
PROCESS = "meters/test_meter_process.py"
ERROR = "meters/test_energy_error.py"
SYSFS = "meters/test_sysfs_sources.py"
ROAD = "metering/test_whole_road.py"
BOOKS = "metering/test_attribution.py"

SCENARIOS = [
    # Start and load
    ("no library", FIELDS, "test_without_a_driver_library_the_chain_says_what_was_tried"),
    ("a library, but no driver", FIELDS, "test_a_driver_that_does_not_open_is_named"),
    ("opening is not permitted", FIELDS, "test_a_driver_that_does_not_open_is_named"),
    ("opening fails for an unknown reason", FIELDS, "test_a_driver_that_does_not_open_is_named"),
    ("opening hangs", ROAD, "test_an_opening_that_hangs_is_ended_and_then_passed_over"),
    ("another distribution named pynvml", FIELDS, "test_another_distribution_named_pynvml_is_refused"),
    ("no GPU", FIELDS, "test_a_driver_without_a_gpu_is_not_an_error"),
    ("the symbols of a 535 driver", FIELDS, "test_every_field_arrives_under_both_symbol_sets"),
    ("a struct version is refused", FIELDS, "test_a_struct_version_that_the_driver_refuses_leads_to_the_older_call"),
    # Per field
    ("no energy counter", FIELDS, "test_without_a_counter_power_is_added_up_and_says_so"),
    ("averaged power, but no instantaneous", FIELDS, "test_instant_power_missing_leaves_the_mean_and_its_label"),
    ("a failed field that holds a number", FIELDS, "test_a_failed_field_with_a_possible_number_is_not_believed"),
    ("no power at all", FIELDS, "test_all_power_unsupported_goes_down_the_chain_and_still_shows_the_gpu"),
    ("no settable limit", FIELDS, "test_a_laptop_without_a_settable_limit_still_has_the_enforced_one"),
    ("no temperature, no fan", FIELDS, "test_what_a_gpu_does_not_tell_is_absent_and_not_zero"),
    ("no utilization", FIELDS, "test_what_a_gpu_does_not_tell_is_absent_and_not_zero"),
    ("memory by process not available", FIELDS, "test_what_a_gpu_does_not_tell_is_absent_and_not_zero"),
    ("utilization by process is empty", FIELDS, "test_calls_that_are_known_to_lie_or_to_dawdle_are_not_made"),
    ("only the first memory call", FIELDS, "test_the_old_memory_call_is_used_and_labelled"),
    # Bad values
    ("3.7 million watts", FIELDS, "test_impossible_values_are_left_out_and_told_once"),
    ("a utilization of 4294967295", FIELDS, "test_impossible_values_are_left_out_and_told_once"),
    ("the counter falls", FIELDS, "test_a_counter_that_falls_begins_a_new_epoch_and_adds_nothing"),
    ("the counter stands still under load", FIELDS, "test_a_counter_that_stands_still_is_replaced_by_power"),
    ("the counter leaps a megajoule", FIELDS, "test_a_jump_of_a_megajoule_is_left_out"),
    ("no power while busy", FIELDS, "test_impossible_values_are_left_out_and_told_once"),
    ("counter and power at odds", FIELDS, "test_a_counter_at_odds_with_power_is_told_after_a_minute_of_load"),
    ("a name that is not text", FIELDS, "test_a_name_of_any_bytes_is_shown"),
    ("more memory used than there is", FIELDS, "test_impossible_values_are_left_out_and_told_once"),
    # Time and rate
    ("counter steps of 10 to 1000 ms", ERROR, "test_any_step_of_the_counter_stays_within_its_error"),
    (
        "a load in step with a part-time sensor",
        ERROR,
        "test_a_load_in_step_with_a_part_time_sensor_misleads_power_but_not_the_counter",
    ),
    ("slow calls", LOSS, "test_a_slow_driver_is_asked_less_often_and_never_in_bursts"),
    ("suspend and resume", LOSS, "test_a_suspend_is_a_gap"),
    ("the wall clock is set back", LOSS, "test_a_wall_clock_set_back_an_hour_changes_nothing"),
    ("a window shorter than a step", "test_board.py", "test_nothing_is_formed_over_less_than_two_seconds"),
    ("eight GPUs", FIELDS, "test_eight_gpus"),
    # Loss, hang, recovery
    ("one of two GPUs lost", ROAD, "test_a_lost_gpu_shows_and_the_other_goes_on"),
    ("lost, and back", LOSS, "test_a_gpu_that_returns_goes_on_under_its_uuid_in_a_new_epoch"),
    ("another order after the return", LOSS, "test_history_follows_the_uuid_when_the_driver_counts_anew"),
    ("another GPU in its place", LOSS, "test_a_replaced_gpu_is_another_device"),
    ("a call hangs", ROAD, "test_a_hang_is_shown_at_once_and_its_child_replaced"),
    ("a call hangs in state D", ROAD, "test_a_hang_is_shown_at_once_and_its_child_replaced"),
    ("every child hangs", ROAD, "test_at_most_three_processes_that_no_signal_reaches_are_left_behind"),
    ("a few timeouts", LOSS, "test_a_few_timeouts_are_stale_and_then_fine"),
    ("the driver is reloaded", ROAD, "test_a_driver_that_is_reloaded_costs_a_fresh_process_and_no_failure"),
    ("the driver is another version", ROAD, "test_a_driver_updated_under_us_is_left_until_the_restart"),
    ("the child crashes", ROAD, "test_a_child_that_dies_is_named_by_its_signal_and_replaced"),
    ("the child is killed", ROAD, "test_a_child_that_dies_is_named_by_its_signal_and_replaced"),
    ("nobody reads the pipe", PROCESS, "test_a_deaf_parent_costs_the_oldest_readings_and_no_memory"),
    ("the window is killed", ROAD, "test_a_parent_that_is_killed_takes_its_meter_with_it"),
    ("a torn or foreign line", "plant/test_plant.py", "test_lines_that_are_no_facts_are_named_once_and_left_out"),
    # Identity
    ("CUDA sees some of the GPUs", BOOKS, "test_a_slice_of_a_gpu_is_found_by_the_memory_that_it_fills"),
    ("CUDA counts otherwise", BOOKS, "test_cuda_may_count_from_the_other_end"),
    ("PCI domains of 4 and 8 digits", FIELDS, "test_pci_domains_of_four_and_of_eight_digits_are_the_same"),
    ("two cards of one name", FIELDS, "test_two_cards_of_one_name_are_told_apart"),
    ("memory contradicts the name", BOOKS, "test_memory_that_fills_elsewhere_switches_the_attribution_off"),
    # Attribution
    ("any schedule", BOOKS, "test_the_accounts_add_up_over_any_schedule"),
    ("a single tier", BOOKS, "test_a_single_tier_bears_everything_but_the_idle_floor"),
    ("no lane was ever alone", BOOKS, "test_lanes_never_seen_alone_share_by_time_and_are_marked"),
    ("the floor was never seen", BOOKS, "test_without_a_floor_all_is_the_tiers_own"),
    ("a foreign program appears", BOOKS, "test_a_foreign_program_appears_amid_a_run"),
    ("tokens or energy alone", BOOKS, "test_tokens_without_energy_and_energy_without_tokens_give_no_ratio"),
    ("nobody asks for ten minutes", BOOKS, "test_ten_idle_minutes_stand_by"),
    ("the price changes", BOOKS, "test_a_price_that_changes_holds_from_then_on"),
    # Other sources
    ("RAPL may not be read", SYSFS, "test_energy_that_may_not_be_read_is_said_to_be_closed"),
    ("RAPL wraps", SYSFS, "test_a_counter_that_wraps_at_an_unknown_range_loses_one_look_and_never_turns_negative"),
    ("the battery charges", SYSFS, "test_a_battery_that_does_not_discharge_is_not_used"),
    ("AMD's counter freezes", SYSFS, "test_a_frozen_amd_counter_is_replaced_by_power"),
    ("declared watts", BOOKS, "test_declared_watts_are_estimates_wherever_they_show"),
    ("the GPU sleeps", LOSS, "test_a_sleeping_gpu_is_not_asked_anything"),
]


@cache
def functions_in(file):
    """The test functions of a file by name, with what decorates them."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {
        node.name: " ".join(ast.unparse(each) for each in node.decorator_list)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_there_are_sixty_nine():
    assert len(SCENARIOS) == 69
    assert len({words for words, _, _ in SCENARIOS}) == 69


def test_each_has_a_test_that_runs():
    for _, file, test in SCENARIOS:
        assert test in functions_in(file)
        assert "skip" not in functions_in(file)[test]
        assert "xfail" not in functions_in(file)[test]
