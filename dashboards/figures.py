"""How is each figure on a board computed from the exporter's series?

Every function returns PromQL. The series are gauges of the day so far, so there is no rate() or increase() of them; what
one hour brought is worked out by `last_hour`, which says nothing rather than something wrong.
"""

TODAY, YESTERDAY = "today", "yesterday"
OPERATION, AGENT = "operation", "agent_name"
# Under half an hour of login a share says little.
SETTLED = 1800


def series(metric: str, window: str = TODAY, *matchers: str) -> str:
    """The series of a metric in the chosen operations and one window."""
    return selected(metric, f'window="{window}"', *matchers)


def selected(metric: str, *matchers: str) -> str:
    """The series of a metric in the chosen operations."""
    labels = ", ".join(('operation=~"$operation"', *matchers))
    return f"{metric}{{{labels}}}"


def total(metric: str, *by: str, window: str = TODAY, only: tuple[str, ...] = ()) -> str:
    """A metric summed: two agents can share a name, and ids are not in every report."""
    return f"sum by ({', '.join((OPERATION, *by))}) ({series(metric, window, *only)})"


def ratio(part: str, whole: str, above: int = 0) -> str:
    """A share, where there is enough to have a share of."""
    return f"{part} / ({whole} > {above})"


def last_hour(total_so_far: str, report: str) -> str:
    """What the last hour added to a total of the day so far.

    An hour ago the total must have been of the same day; in the first hour of a day everything so far is new. Where the
    data of an hour ago are missing there is no value, and a correction downward does not make one negative.
    """
    starts = series("wolkvox_report_window_start_timestamp_seconds", TODAY, f'report="{report}"')
    start = f"max by (operation) ({starts})"
    added = f"clamp_min({total_so_far} - ({ago('1h', total_so_far)} or {total_so_far} * 0), 0)"
    same_day, young_day = f"({start} == {ago('1h', start)})", f"({start} >= time() - 3600)"
    return f"({added} and on (operation) {same_day} or {total_so_far} and on (operation) {young_day})"


def ago(span: str, expression: str) -> str:
    """The same figure so long ago."""
    return expression.replace("}", f"}} offset {span}")


def at_the_end(expression: str) -> str:
    """The same figure at the end of the time range, for every moment of it."""
    return expression.replace("}", "} @ end()")


def counted(metric: str, *by: str) -> str:
    """What a counter of the exporter gained, for panels whose points are `panels.POLLS` apart.

    A counter that was born with its first event gained all it has. That it was born then, and not met then, is sure where
    the exporter was known before, or had not run before.
    """
    counter, window = selected(metric), "$__rate_interval"
    born = f"{counter} unless {counter} offset {window}"
    known = f"(wolkvox_exporter_build_info offset {window} or process_start_time_seconds > time() - 900)"
    return f"sum by ({', '.join(by)}) ({born} and on (instance, job) {known} or increase({counter}[{window}]))"


def age(*reports: str) -> str:
    """Seconds since the last good poll; since 1970 where there was none."""
    shown = 'report=~"{}"'.format("|".join(reports))
    polled = series("wolkvox_report_last_success_timestamp_seconds", TODAY, shown)
    asked = series("wolkvox_report_up", TODAY, shown)
    return f"time() - min by (operation, report) ({polled} or {asked} * 0)"


# === what several boards show; `by` adds labels beyond the operation, `only` narrows the series ===


def login(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    return total("wolkvox_agent_login_seconds", *by, only=only, window=window)


def calls(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    return total("wolkvox_agent_calls", *by, only=only, window=window)


def handle(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    return total("wolkvox_agent_handle_seconds", *by, only=only, window=window)


def auxiliary(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    return total("wolkvox_agent_aux_seconds", *by, only=only, window=window)


def closed(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    return total("wolkvox_agent_closed_interactions", *by, only=only, window=window)


def callbacks(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    return total("wolkvox_smart_wait_callbacks", *by, only=only, window=window)


def average_handle(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    """Weighted by calls: an average of the agents' averages would be wrong."""
    return ratio(handle(*by, only=only, window=window), calls(*by, only=only, window=window))


def occupancy(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    """Weighted by login time."""
    busy = (series(f"wolkvox_agent_{name}", window, *only) for name in ("occupancy_ratio", "login_seconds"))
    return ratio(f"sum by ({', '.join((OPERATION, *by))}) ({' * '.join(busy)})", login(*by, only=only, window=window))


def auxiliary_share(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    above = SETTLED if by else 0
    return ratio(auxiliary(*by, only=only, window=window), login(*by, only=only, window=window), above)


def hold_mute_share(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    held = total("wolkvox_agent_hold_mute_seconds", *by, only=only, window=window)
    return ratio(held, handle(*by, only=only, window=window))


def callback_success(*by: str, window: str = TODAY) -> str:
    """Of the call-backs that are decided. None worked is zero, and not nothing."""
    decided = callbacks(*by, only=('status=~"ok|fail"',), window=window)
    worked = callbacks(*by, only=('status="ok"',), window=window)
    return ratio(f"({worked} or {decided} * 0)", decided)


def uncoded_share(*by: str, window: str = TODAY) -> str:
    """Interactions that a time-out closed instead of an agent's code. None of them is zero, and not nothing."""
    everything = closed(*by, window=window)
    uncoded = closed(*by, only=('code=~"TIMEOUT.*"',), window=window)
    return ratio(f"({uncoded} or {everything} * 0)", everything)
