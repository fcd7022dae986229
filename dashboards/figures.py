"""How each figure on a board is computed from the exporter's series.

Every function returns PromQL, summed by exactly the labels in `by`: a board of one operation names no operation, and its
legends say only what differs. The series are gauges of the day so far, so there is no rate() or increase() of them; what
one hour brought is worked out by `last_hour`, which says nothing rather than something wrong.
"""

TODAY, YESTERDAY = "today", "yesterday"
OPERATION, AGENT = "operation", "agent_name"
# Under half an hour of login a share says little.
SETTLED = 1800
# The vendor books what no person handled on a pseudo-agent.
PEOPLE = ('agent_name!~"Routing_point.*"',)
QUEUES = ('agent_name=~"Routing_point.*"',)
CHOSEN_AGENT = ('agent_name=~"$agent_name"',)
A_WEEK = 7 * 24

# Where a figure needs a look, and where somebody should act. The alerts have limits of their own, in alerts/thresholds.yml.
OCCUPANCY_LOW, OCCUPANCY_LOOK, OCCUPANCY_ACT = 0.65, 0.85, 0.90
AUXILIARY_LOOK, AUXILIARY_ACT = 0.30, 0.40
HOLD_LOOK, HOLD_ACT = 0.15, 0.25
TIMEOUT_LOOK, TIMEOUT_ACT = 0.30, 0.50
CALLBACK_ACT, CALLBACK_LOOK = 0.30, 0.50
# An agent's average handle time, as a multiple of the team's.
HANDLE_LOOK = 1.5


def series(metric: str, window: str = TODAY, *matchers: str) -> str:
    """The series of a metric in the chosen operations and one window."""
    return selected(metric, f'window="{window}"', *matchers)


def selected(metric: str, *matchers: str) -> str:
    """The series of a metric in the chosen operations."""
    labels = ", ".join(('operation=~"$operation"', *matchers))
    return f"{metric}{{{labels}}}"


def added(by: tuple[str, ...], expression: str) -> str:
    return f"sum by ({', '.join(by)}) ({expression})"


def total(metric: str, *by: str, window: str = TODAY, only: tuple[str, ...] = ()) -> str:
    """A metric summed: two agents can share a name, and ids are not in every report."""
    return added(by, series(metric, window, *only))


def ratio(part: str, whole: str, above: float = 0) -> str:
    """A share, where there is enough to have a share of."""
    return f"{part} / ({whole} > {above})"


def last_hour(figure, report: str, *by: str, hours_ago: int = 0, **narrowed) -> str:
    """What the last hour added to a total of the day so far: `figure` is one of the functions below.

    An hour ago the total must have been of the same day; in the first hour of a day everything so far is new. Where the
    data of an hour ago are missing there is no value, and a correction downward does not make one negative.
    """
    labels = (OPERATION, *(label for label in by if label != OPERATION))
    so_far = figure(*labels, **narrowed)
    starts = series("wolkvox_report_window_start_timestamp_seconds", TODAY, f'report="{report}"')
    start = f"max by (operation) ({starts})"

    def at(expression: str, hours: int) -> str:
        return expression if hours_ago + hours == 0 else ago(f"{hours_ago + hours}h", expression)

    new = f"clamp_min({at(so_far, 0)} - ({at(so_far, 1)} or {at(so_far, 0)} * 0), 0)"
    same_day = f"({at(start, 0)} == {at(start, 1)})"
    young_day = f"({at(start, 0)} >= time() - {3600 * (hours_ago + 1)})"
    hour = f"({new} and on (operation) {same_day} or {at(so_far, 0)} and on (operation) {young_day})"
    return hour if by and OPERATION in by else added(by, hour)


def hourly_ratio(part, whole, report: str, of_whole: str = "", hours_ago: int = 0) -> str:
    """A share of what one hour brought; `of_whole` is the report of the whole, where that is another one."""
    divisor = last_hour(whole, of_whole or report, hours_ago=hours_ago)
    return ratio(last_hour(part, report, hours_ago=hours_ago), divisor)


def ago(span: str, expression: str) -> str:
    """The same figure so long ago."""
    return expression.replace("}", f"}} offset {span}")


def at_the_end(expression: str) -> str:
    """The same figure at the end of the time range, for every moment of it."""
    return expression.replace("}", "} @ end()")


def counted(metric: str, *by: str, only: tuple[str, ...] = ()) -> str:
    """What a counter of the exporter gained, for panels whose points are `panels.POLLS` apart.

    A counter that was born with its first event gained all it has. That it was born then, and not met then, is sure where
    the exporter was known before, or had not run before.
    """
    counter, window = selected(metric, *only), "$__rate_interval"
    born = f"{counter} unless {counter} offset {window}"
    known = f"(wolkvox_exporter_build_info offset {window} or process_start_time_seconds > time() - 900)"
    return f"sum by ({', '.join(by)}) ({born} and on (instance, job) {known} or increase({counter}[{window}]))"


def age(*reports: str, by: tuple[str, ...] = (OPERATION,)) -> str:
    """Seconds since the last good poll of the report that is oldest; since 1970 where there was none."""
    shown = 'report=~"{}"'.format("|".join(reports))
    polled = series("wolkvox_report_last_success_timestamp_seconds", TODAY, shown)
    asked = series("wolkvox_report_up", TODAY, shown)
    return f"max by ({', '.join(by)}) (time() - ({polled} or {asked} * 0))"


def age_once_polled(window: str, *only: str) -> str:
    """The same of all reports of each operation, and nothing where there was no good poll."""
    return f"max by (operation) (time() - {series('wolkvox_report_last_success_timestamp_seconds', window, *only)})"


def worst_at_the_end(choose: str, most: int, expression: str) -> str:
    """Of many operations the few that are worst at the end of the time range, over the whole of it. `choose`: topk or bottomk."""
    return f"{expression} and on (operation) {choose}({most}, {at_the_end(expression)})"


# === what several boards show; `by` are the labels that stay, `only` narrows the series ===


def login(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    return total("wolkvox_agent_login_seconds", *by, only=only, window=window)


def busy(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    """Time on calls and their documentation: the vendor's occupancy of each agent, weighted by login."""
    parts = (series(f"wolkvox_agent_{name}", window, *only) for name in ("occupancy_ratio", "login_seconds"))
    return added(by, " * ".join(parts))


def calls(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    return total("wolkvox_agent_calls", *by, only=only, window=window)


def handle(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    return total("wolkvox_agent_handle_seconds", *by, only=only, window=window)


def held(*by: str, only: tuple[str, ...] = PEOPLE, window: str = TODAY) -> str:
    """Hold and mute of people: that of the queues is booked on routing points, which handle no call."""
    return total("wolkvox_agent_hold_mute_seconds", *by, only=only, window=window)


def auxiliary(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    return total("wolkvox_agent_aux_seconds", *by, only=only, window=window)


def closed(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    return total("wolkvox_agent_closed_interactions", *by, only=only, window=window)


def points(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    return total("wolkvox_agent_points", *by, only=only, window=window)


def hits(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    return total("wolkvox_agent_hits", *by, only=only, window=window)


def callbacks(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    return total("wolkvox_smart_wait_callbacks", *by, only=only, window=window)


def agents(*by: str, window: str = TODAY) -> str:
    """How many people logged in, also those who left since."""
    return f"count by ({', '.join(by)}) ({login(OPERATION, AGENT, window=window)} > 0)"


def average_handle(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    """Weighted by calls: an average of the agents' averages would be wrong."""
    return ratio(handle(*by, only=only, window=window), calls(*by, only=only, window=window))


def occupancy(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    """Weighted by login time."""
    return ratio(busy(*by, only=only, window=window), login(*by, only=only, window=window), settled(by))


def auxiliary_share(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    return ratio(auxiliary(*by, only=only, window=window), login(*by, only=only, window=window), settled(by))


def settled(by: tuple[str, ...]) -> int:
    return SETTLED if AGENT in by else 0


def hold_mute_share(*by: str, only: tuple[str, ...] = PEOPLE, window: str = TODAY) -> str:
    return ratio(held(*by, only=only, window=window), handle(*by, only=only, window=window))


def callback_success(*by: str, window: str = TODAY) -> str:
    """Of the call-backs that are decided. None worked is zero, and not nothing."""
    decided = callbacks(*by, only=('status=~"ok|fail"',), window=window)
    worked = callbacks(*by, only=('status="ok"',), window=window)
    return ratio(f"({worked} or {decided} * 0)", decided)


def timeout_share(*by: str, window: str = TODAY) -> str:
    """Interactions that a time-out closed instead of an agent's code. None of them is zero, and not nothing."""
    everything = closed(*by, window=window)
    timed_out = closed(*by, only=('code=~"TIMEOUT.*"',), window=window)
    return ratio(f"({timed_out} or {everything} * 0)", everything)


def to_look_at(*by: str, **conditions: str) -> str:
    """How many of these hold: each condition is a comparison with `bool`, and one without data counts as none."""
    parts = (f'label_replace({condition}, "figure", "{name}", "", "")' for name, condition in conditions.items())
    return added(by, " or ".join(parts))


def operation_to_look_at() -> str:
    by = (OPERATION,)
    failing = f"sum by (operation) ({selected('wolkvox_report_stale')})"
    return to_look_at(
        *by,
        occupancy=f"{occupancy(*by)} > bool {OCCUPANCY_LOOK}",
        auxiliary=f"{auxiliary_share(*by)} > bool {AUXILIARY_LOOK}",
        hold=f"{hold_mute_share(*by)} > bool {HOLD_LOOK}",
        timeouts=f"{timeout_share(*by)} > bool {TIMEOUT_LOOK}",
        callbacks=f"{callback_success(*by)} < bool {CALLBACK_LOOK}",
        stale=f"{failing} > bool 0",
    )


def agent_to_look_at(*by: str) -> str:
    team = tuple(label for label in by if label != AGENT)
    within = f"on ({', '.join(team)}) group_left ()"
    return to_look_at(
        *by,
        occupancy=f"{occupancy(*by)} > bool {OCCUPANCY_ACT}",
        auxiliary=f"{auxiliary_share(*by)} > bool {AUXILIARY_LOOK}",
        hold=f"{hold_mute_share(*by)} > bool {HOLD_LOOK}",
        handle=f"{average_handle(*by)} > bool {within} {HANDLE_LOOK} * ({average_handle(*team)})",
    )
