"""The board of quality: how good the work is to those who evaluate it and to those who were served."""

from figures import AGENT, YESTERDAY, mean_of, total
import panels
from panels import COUNT, QUALITY, QUALITY_LINES, SHARE, Column, Label, bars, lines, now, over_time, stat, table
from words import say


def board():
    title = say("Quality and surveys", "Calidad y encuestas")
    says = say("How good is the work, by those who evaluate it and by those who were served?",
               "¿Qué tan bueno es el trabajo, según quien lo evalúa y según quien fue atendido?")
    return panels.board("quality", title, says, [
        [panels.age("agent_quality", "agent_surveys")],
        tiles(),
        [quality_so_far(), score_so_far(), by_question()],
        [evaluated_agents(), surveyed_agents()],
    ], variables=(panels.operation(),))


def no_evaluations():
    return say("nobody was evaluated yet today, or agent_quality is not polled",
               "hoy no se evalúa a nadie todavía, o agent_quality no se consulta")


def no_surveys():
    return say("no survey yet today, or agent_surveys is not polled", "ninguna encuesta hoy todavía, o agent_surveys no se consulta")


def evaluations(*by, **narrowed):
    return total("wolkvox_agent_evaluations", *by, **narrowed)


def surveys(*by, **narrowed):
    return total("wolkvox_agent_surveys", *by, **narrowed)


def quality(*by, **narrowed):
    return mean_of("wolkvox_agent_quality_ratio", "wolkvox_agent_evaluations", *by, **narrowed)


def score(*by, **narrowed):
    return mean_of("wolkvox_agent_survey_average_score", "wolkvox_agent_surveys", *by, **narrowed)


def tiles():
    def against_yesterday(title, says, unit, figure, empty, steps=None):
        return stat(title, says, unit, now(figure(), say("today", "hoy")), now(figure(window=YESTERDAY), say("yesterday", "ayer")),
                    steps=steps, wide=6, empty=empty)
    return [
        against_yesterday(say("Quality", "Calidad"), say(
            "What evaluated interactions reached of what they could, weighted by evaluations; today so far and the whole of yesterday. "
            "Orange: under 85 %. Red: under 70 %.",
            "Lo que lograron las interacciones evaluadas de lo que podían, ponderado por evaluaciones; lo que va del día y todo ayer. Naranja: "
            "menos de 85 %. Rojo: menos de 70 %."), SHARE, quality, no_evaluations(), QUALITY),
        against_yesterday(say("Evaluations", "Evaluaciones"), say(
            "Evaluations of all agents, today so far and the whole of yesterday.",
            "Evaluaciones de todos los agentes, lo que va del día y todo ayer."), COUNT, evaluations, no_evaluations()),
        against_yesterday(say("Survey score", "Nota de encuestas"), say(
            "Average score of the surveys, on the operation's own scale, weighted by surveys; today so far and the whole of yesterday.",
            "Nota media de las encuestas, en la escala de la operación, ponderada por encuestas; lo que va del día y todo ayer."), "none", score,
            no_surveys()).decimals(1),
        against_yesterday(say("Surveys", "Encuestas"), say(
            "Surveys that were answered, today so far and the whole of yesterday.",
            "Encuestas contestadas, lo que va del día y todo ayer."), COUNT, surveys, no_surveys()),
    ]


def quality_so_far():
    panel = lines(say("Quality so far", "Calidad hasta el momento"), say(
        "The quality of each moment's day so far: it begins anew at midnight, with the first evaluation. Dashed: 85 and 70 %.",
        "La calidad de lo que iba del día en cada momento: empieza de nuevo a medianoche, con la primera evaluación. Línea discontinua: 85 "
        "y 70 %."), SHARE, over_time(quality(), say("quality", "calidad")), steps=QUALITY_LINES, wide=8, high=10, empty=no_evaluations())
    # From 0 on, the line and both limits would lie on each other.
    return panel.axis_soft_min(0.5).axis_soft_max(1)


def score_so_far():
    return lines(say("Survey score so far", "Nota de encuestas hasta el momento"), say(
        "The average score of each moment's day so far: it begins anew at midnight, with the first survey.",
        "La nota media de lo que iba del día en cada momento: empieza de nuevo a medianoche, con la primera encuesta."), "none",
        over_time(score(), say("score", "nota")), wide=8, high=10, empty=no_surveys()).decimals(1)


def by_question():
    each = mean_of("wolkvox_agent_survey_question_score", "wolkvox_agent_surveys", "question")
    panel = bars(say("Score by question today", "Nota por pregunta hoy"), say(
        "Average score of each question of the surveys of today, weighted by surveys.",
        "Nota media de cada pregunta de las encuestas de hoy, ponderada por encuestas."), "none", each, "question",
        Label(say("Question", "Pregunta"), 120), say("Score", "Nota"), wide=8, high=10, empty=no_surveys())
    return panel.decimals(1)


def evaluated_agents():
    by = (AGENT,)
    return table(say("Evaluated agents", "Agentes evaluados"), say(
        "Agents with evaluations today or yesterday. One evaluation says little. A click on a name opens the agent.",
        "Agentes con evaluaciones hoy o ayer. Una sola evaluación dice poco. Un clic en un nombre abre el agente."),
        {AGENT: Label(say("Agent", "Agente"), link=panels.to_the_agent())},
        [
            Column(say("Evaluations", "Evaluaciones"), COUNT, f"{evaluations(*by)} > 0", 115),
            Column(say("Quality", "Calidad"), SHARE, quality(*by), 95, QUALITY),
            Column(say("Yesterday", "Ayer"), COUNT, f"{evaluations(*by, window=YESTERDAY)} > 0", 100),
            Column(say("Quality yesterday", "Calidad ayer"), SHARE, quality(*by, window=YESTERDAY), 145, QUALITY),
        ],
        worst=say("Evaluations", "Evaluaciones"), wide=12, high=20, known=f"{evaluations()} > 0 or {evaluations(window=YESTERDAY)} > 0",
        empty=say("nobody yet, or not polled", "nadie, o sin consultar"))


def surveyed_agents():
    by = (AGENT,)
    return table(say("Agents with surveys", "Agentes con encuestas"), say(
        "Agents with surveys today or yesterday, and the average score. A click on a name opens the agent.",
        "Agentes con encuestas hoy o ayer, y la nota media. Un clic en un nombre abre el agente."),
        {AGENT: Label(say("Agent", "Agente"), link=panels.to_the_agent())},
        [
            Column(say("Surveys", "Encuestas"), COUNT, f"{surveys(*by)} > 0", 100),
            Column(say("Score", "Nota"), "none", score(*by), 90),
            Column(say("Yesterday", "Ayer"), COUNT, f"{surveys(*by, window=YESTERDAY)} > 0", 100),
            Column(say("Score yesterday", "Nota ayer"), "none", score(*by, window=YESTERDAY), 135),
        ],
        worst=say("Surveys", "Encuestas"), wide=12, high=20, known=f"{surveys()} > 0 or {surveys(window=YESTERDAY)} > 0",
        empty=say("nobody yet, or not polled", "nadie, o sin consultar"))
