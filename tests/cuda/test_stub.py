"""The stub itself: it must refuse what a card refuses, or the drills prove nothing."""


def test_it_refuses_what_a_card_refuses_and_an_allocation_breaks_a_capture(drill):
    seen = drill("card")
    assert seen["whole_copy"] == 0
    assert seen["copy_past_the_end"] == 1  # cudaErrorInvalidValue
    assert seen["copy_in_the_wrong_direction"] == 1
    assert seen["refused_copies"] == 2
    assert seen["came_back"] == list(range(16))
    assert seen["too_much_memory"] == 2  # cudaErrorMemoryAllocation
    assert seen["freed_twice"] == 1
    assert seen["in_use"] == 0
    assert seen["allocation_in_capture"] == 900  # cudaErrorStreamCaptureUnsupported
    assert seen["recording_without_room"] == 2
    assert seen["end_of_broken_capture"] == 901  # cudaErrorStreamCaptureInvalidated
    assert seen["replayed_copies"] == 2


def test_the_host_cannot_touch_device_memory(drill):
    assert drill("touch", expect=-11) is None  # SIGSEGV
