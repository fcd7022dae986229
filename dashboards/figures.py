"""How each figure on a board is computed from the exporter's series.

Every function returns PromQL, summed by exactly the labels in `by`: a board of one operation names no operation, and its
legends say only what differs. The series are gauges of the day so far, so there is no rate() or increase() of them; what
one hour brought is worked out by `last_hour`, which says nothing rather than something wrong.
"""

TODAY, YESTERDAY, NOW = "today", "yesterday", "now"
# Reports of the day, and those of the moment, which have one window of their own.
LATEST = f"{TODAY}|{NOW}"
# The reports that tell of agents' login, calls and handled time: the second counts where the first is not polled.
AGENT_TIME, AGENT_KPI = "agent_time", "agent_kpi"
OF_AGENTS = f"{AGENT_KPI}|{AGENT_TIME}"
OPERATION, AGENT = "operation", "agent_name"
# Under half an hour of login a share says little.
SETTLED = 1800
# The vendor books what no person handled on a pseudo-agent.
PEOPLE = ('agent_name!~"Routing_point.*"',)
QUEUES = ('agent_name=~"Routing_point.*"',)
CHOSEN_AGENT = ('agent_name=~"$agent_name"',)
A_WEEK = 7 * 24
# Seconds between polls, from which a report is not one of the quick ones.
SLOW = 600

# Where a figure needs a look, and where somebody should act. The alerts have limits of their own, in alerts/thresholds.yml.
OCCUPANCY_LOW, OCCUPANCY_LOOK, OCCUPANCY_ACT = 0.65, 0.85, 0.90
AUXILIARY_LOOK, AUXILIARY_ACT = 0.30, 0.40
HOLD_LOOK, HOLD_ACT = 0.15, 0.25
TIMEOUT_LOOK, TIMEOUT_ACT = 0.30, 0.50
CALLBACK_ACT, CALLBACK_LOOK = 0.30, 0.50
# An agent's average handle time, as a multiple of the team's.
HANDLE_LOOK = 1.5
# Callers in a queue.
QUEUE_LOOK, QUEUE_ACT = 1, 5
# The usual target: 80 % of the calls answered within 20 seconds.
WITHIN = "20"
LEVEL_ACT, LEVEL_LOOK = 0.70, 0.80
WAIT_LOOK, WAIT_ACT = 60, 120
ABANDONED_LOOK, ABANDONED_ACT = 0.05, 0.10
PAUSE_LOOK, PAUSE_ACT = 1200, 2400
QUALITY_ACT, QUALITY_LOOK = 0.70, 0.85
# A state is the operation's own word, in small letters. These are wolkvox's: the others are pauses.
READY = ('state="ready"',)
THERE = ('state!="logout"',)
PAUSED = ('state!~"ready|ring|talk|acw|logout"',)


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
    starts = {one: series("wolkvox_report_window_start_timestamp_seconds", TODAY, f'report="{one}"') for one in report.split("|")}
    # What one report counts is not compared with what another one counted an hour before.
    whose = starts[report] if report in starts else of_agents(starts[AGENT_TIME], starts[AGENT_KPI], TODAY)
    start = f"max by (operation, report) ({whose})"

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
    return f"max by ({', '.join(by)}) ({ages(*reports)})"


def oldest(*reports: str) -> str:
    """The same of each operation where reports have different paces: those that are polled every ten minutes or less often count
    once two of their polls are missing, for until then their age is as it should be. Where all are such ones, the youngest."""
    interval = selected("wolkvox_report_interval_seconds", f'window=~"{LATEST}"', 'report=~"{}"'.format("|".join(reports)))
    expected = f"({interval} < {SLOW} or {ages(*reports)} > 2 * {interval})"
    return f"(max by (operation) ({ages(*reports)} and {expected}) or min by (operation) ({ages(*reports)}))"


def ages(*reports: str) -> str:
    shown = f'window=~"{LATEST}"', 'report=~"{}"'.format("|".join(reports))
    polled = selected("wolkvox_report_last_success_timestamp_seconds", *shown)
    asked = selected("wolkvox_report_up", *shown)
    return f"(time() - ({polled} or {asked} * 0))"


def oldest_once_polled(*only: str) -> str:
    """As `oldest`, of all reports, and nothing where there was no good poll."""
    since, interval = (
        selected(f"wolkvox_report_{name}", f'window=~"{LATEST}"', *only) for name in ("last_success_timestamp_seconds", "interval_seconds")
    )
    known = f"time() - {since}"
    return f"(max by (operation) ({known} and ({interval} < {SLOW} or {known} > 2 * {interval})) or min by (operation) ({known}))"


def age_once_polled(window: str, *only: str) -> str:
    """Of all reports of each operation, and nothing where there was no good poll."""
    return f"max by (operation) (time() - {series('wolkvox_report_last_success_timestamp_seconds', window, *only)})"


def worst_at_the_end(choose: str, most: int, expression: str) -> str:
    """Of many operations the few that are worst at the end of the time range, over the whole of it. `choose`: topk or bottomk."""
    return f"{expression} and on (operation) {choose}({most}, {at_the_end(expression)})"


# === skills, campaigns, agents of this moment ===


def live(metric: str, *by: str, only: tuple[str, ...] = ()) -> str:
    """What is so at the last poll."""
    return total(metric, *by, only=only, window=NOW)


def queued(*by: str) -> str:
    return live("wolkvox_skill_queued_calls", *by)


def in_states(*by: str, only: tuple[str, ...] = THERE) -> str:
    """Agents in these states. None of them is zero where the report has others, and nothing where it has none."""
    return f"({live('wolkvox_agent_state', *by, only=only)} or {live('wolkvox_agent_state', *by)} * 0)"


def weighted(share: str, weight: str, *by: str) -> str:
    """A mean of shares."""
    return ratio(*weighed(share, weight, *by))


def weighed(share: str, weight: str, *by: str) -> tuple[str, str]:
    """What it is made of, and what can be added up: `weight` has the labels of `share` but for `within_seconds`."""
    parts = f"{share} * ignoring (within_seconds) group_left () {weight}"
    whole = f"{share} * 0 + ignoring (within_seconds) group_left () {weight}"
    return added(by, parts), added(by, whole)


def answered_within(seconds: str, *by: str, window: str = TODAY) -> tuple[str, str]:
    """Calls answered in time, and those that came in, by the report of the day."""
    share = series("wolkvox_skill_service_level_ratio", window, f'within_seconds="{seconds}"')
    return weighed(share, series("wolkvox_skill_inbound_calls", window), *by)


def service_level(*by: str, window: str = TODAY) -> str:
    return ratio(*answered_within(WITHIN, *by, window=window))


def live_service_level(*by: str, within: str = WITHIN) -> str:
    """The same by real time."""
    share = series("wolkvox_skill_live_service_level_ratio", NOW, f'within_seconds="{within}"')
    return weighted(share, series("wolkvox_skill_live_inbound_calls", NOW), *by)


def in_time(*by: str, window: str = TODAY) -> str:
    return answered_within(WITHIN, *by, window=window)[0]


def came_in(*by: str, window: str = TODAY) -> str:
    return total("wolkvox_skill_inbound_calls", *by, window=window)


def answered(*by: str, window: str = TODAY) -> str:
    return total("wolkvox_skill_answered_calls", *by, window=window)


def abandoned(*by: str, window: str = TODAY) -> str:
    return total("wolkvox_skill_abandoned_calls", *by, window=window)


def named(figure: str, *by: str) -> str:
    """A figure of skills by their names, which an info metric has: by their ids where there is none. `figure` is of operation and
    skill_id."""
    names = f"topk by (operation, skill_id) (1, group by (operation, skill_id, skill_name) ({selected('wolkvox_skill_info')}))"
    with_name = f"{figure} * on (operation, skill_id) group_left (skill_name) {names}"
    without = f"({figure}) unless on (operation, skill_id) {selected('wolkvox_skill_info')}"
    return added(by, f'{with_name} or label_join({without}, "skill_name", "", "skill_id")')


def of_campaigns(part: str, *by: str) -> str:
    return live("wolkvox_campaign_records", *by, only=(f'part="{part}"',))


def mean_of(score: str, weight: str, *by: str, window: str = TODAY, only: tuple[str, ...] = ()) -> str:
    """A mean of each agent's means, weighted by how many each is made of; labels that only `score` has may stay."""
    scores, weights = series(score, window, *only), series(weight, window, *only)
    extra = f"ignoring ({by[0]}) group_left () " if by and by[0] == "question" else ""
    whole = f"{scores} * 0 + {extra}{weights}"
    return ratio(added(by, f"{scores} * {extra}{weights}"), added(by, whole))


# === what several boards show; `by` are the labels that stay, `only` narrows the series ===


def of_agents(of_time: str, of_kpi: str, window: str) -> str:
    """What agent_time tells of an operation that polls it, and what agent_kpi tells of any other one. Chosen by what is polled
    and not by what has just answered: the two count by different formulas, and one in place of the other for an hour would look
    like a change in the operation. alerts/recording.yml chooses alike."""
    polled = series("wolkvox_report_interval_seconds", window, f'report="{AGENT_TIME}"')
    return f"{of_time} or {of_kpi} unless on (operation) {polled}"


def activity(window: str, only: tuple[str, ...], which: str = "") -> str:
    return series("wolkvox_agent_activity_seconds", window, *only, *([which] if which else []))


ON_CALLS = 'activity=~"inbound|outbound|after_call_work"'


def login(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    kpi = series("wolkvox_agent_login_seconds", window, *only)
    return added(by, of_agents(activity(window, only), kpi, window))


def on_duty(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    """What occupancy is a share of: agent_kpi takes all of the login, agent_time that without auxiliary states."""
    kpi = series("wolkvox_agent_login_seconds", window, *only)
    return added(by, of_agents(activity(window, only, 'activity!="aux"'), kpi, window))


def busy(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    """Time on calls and their documentation; of agent_kpi, the vendor's occupancy of each agent, weighted by login."""
    kpi = " * ".join(series(f"wolkvox_agent_{name}", window, *only) for name in ("occupancy_ratio", "login_seconds"))
    return added(by, of_agents(activity(window, only, ON_CALLS), kpi, window))


def calls(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    of_time, of_kpi = (series(f"wolkvox_agent_{name}", window, *only) for name in ("voice_calls", "calls"))
    return added(by, of_agents(of_time, of_kpi, window))


def handle(*by: str, only: tuple[str, ...] = (), window: str = TODAY) -> str:
    kpi = series("wolkvox_agent_handle_seconds", window, *only)
    return added(by, of_agents(activity(window, only, ON_CALLS), kpi, window))


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
    """Weighted by the time that it is a share of."""
    return ratio(busy(*by, only=only, window=window), on_duty(*by, only=only, window=window), settled(by))


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
