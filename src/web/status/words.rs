//! What the page says, in each language: the two stand beside each other, so that neither can be forgotten.
//!
//! What the vendor, the config or the log says stays as it is, and so do the names of reports, reasons and windows:
//! they are looked up elsewhere.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Counts, ReportState};
use crate::store::Forecast;
use crate::time::{self, WindowName};
use crate::wolkvox::Reason;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Spanish,
}

/// One text in each language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phrase {
    pub en: &'static str,
    pub es: &'static str,
}

/// Names texts. A line without its Spanish is no line.
macro_rules! texts {
    ($($name:ident: $en:literal, $es:literal;)*) => {
        $(pub const $name: Phrase = Phrase { en: $en, es: $es };)*
        #[cfg(test)]
        pub const ALL: &[Phrase] = &[$($name),*];
    };
}

texts! {
    METRICS: "metrics", "métricas";
    AS_JSON: "this page as JSON", "esta página en JSON";
    MEANINGS: "what the metrics mean", "qué significan las métricas (en inglés)";
    LINKS: "other pages", "otras páginas";
    LANGUAGES: "language", "idioma";
    STOP: "stop", "detener";
    DOES_NOT_REFRESH: "Does not refresh: ", "No se actualiza: ";
    START: "start", "reanudar";

    NEEDS_A_LOOK: "Needs a look", "Pide atención";
    CAUSE: "cause", "causa";
    WHAT_TO_DO: "what happened, and what to do", "qué pasó y qué hacer";
    REPORTS: "reports", "informes";
    OPERATIONS: "Operations", "Operaciones";
    WHERE: "where", "dónde";
    OLDEST: "oldest data", "datos más antiguos";
    NEXT_POLL: "next poll", "próxima consulta";
    HINT: "hint: ", "pista: ";
    ALL_REPORTS: "all reports", "todos los informes";
    BEFORE_RESTART: "failed before the last restart", "falló antes del último reinicio";
    POLL_WILL_TELL: "the next poll will tell", "la próxima consulta lo dirá";
    STILL_SERVED: "still served", "aún se sirven";
    NONE_SERVED: "none served", "no se sirve ninguno";
    NONE_YET: "none yet", "aún no hay";

    LEFT_OUT: "Left out by the last good polls", "Lo que dejaron fuera las últimas consultas buenas";
    REPORT: "report", "informe";
    WHAT: "what", "qué";
    HOW_MANY: "how many", "cuántos";
    WITHOUT_VALUE: "rows without any value", "filas sin ningún valor";
    OUTSIDE_WINDOW: "days outside the window", "días fuera de la ventana";
    OVER_LIMIT: "series over limits.series_per_report", "series por encima de limits.series_per_report";

    SEARCH_LABEL: "Find an operation", "Buscar una operación";
    SEARCH: "Search", "Buscar";
    SHOW_ALL: "show all", "ver todas";
    OPENS_SEARCH: "its reports", "sus informes";
    NO_BUDGET: "API requests left: not known yet", "peticiones al API restantes: aún no se saben";

    WINDOW: "window", "ventana";
    STATE: "state", "estado";
    AGE: "age", "antigüedad";
    COVERS: "covers", "abarca";
    ROWS: "rows", "filas";
    SERIES: "series", "series";
    EVERY: "every", "cada";
    CHANGES_EVERY: "content changes every", "el contenido cambia cada";
    NOTHING: "nothing", "nada";
    SET_HOURS: "set hours", "horas fijas";
    NOW: "now", "ahora";
    LICENSES_ASKED: "licences asked of the vendor", "licencias según el proveedor";

    CONFIG: "Config", "Configuración";
    BUILT_IN: "built in", "incorporada";
    REFUSED: "refused", "rechazada";
}

impl Language {
    pub fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Spanish => "es",
        }
    }

    /// What its speakers call it.
    pub fn name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::Spanish => "Español",
        }
    }

    /// `40000` as `40,000`, or `40.000`.
    pub fn number(self, number: u64) -> String {
        let separator = match self {
            Language::English => ',',
            Language::Spanish => '.',
        };
        let digits = number.to_string();
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.char_indices() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                grouped.push(separator);
            }
            grouped.push(digit);
        }
        grouped
    }

    pub fn count(self, number: usize) -> String {
        self.number(number as u64)
    }

    /// The two greatest units of a span: more would be noise.
    pub fn span(self, seconds: u64) -> String {
        let units = [(86_400, "d"), (3_600, "h"), (60, self.pick("m", "min")), (1, "s")];
        let first = units.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(3);
        let mut span = String::new();
        let mut left = seconds;
        for (unit, name) in units.into_iter().skip(first).take(2) {
            if left >= unit || span.is_empty() {
                let gap = if span.is_empty() { "" } else { " " };
                // Writing to a String cannot fail.
                let _ = write!(span, "{gap}{}{}{name}", left / unit, self.pick("", " "));
                left %= unit;
            }
        }
        span
    }

    fn pick<'t>(self, en: &'t str, es: &'t str) -> &'t str {
        match self {
            Language::English => en,
            Language::Spanish => es,
        }
    }
}

impl Phrase {
    pub fn said(self, language: Language) -> &'static str {
        language.pick(self.en, self.es)
    }
}

/// One or several things.
fn plural(language: Language, count: usize, one: Phrase, many: Phrase) -> String {
    format!("{} {}", language.count(count), if count == 1 { one } else { many }.said(language))
}

// === states and reasons ===

pub fn state(state: ReportState) -> Phrase {
    match state {
        ReportState::Stale => Phrase { en: "stale", es: "vencido" },
        ReportState::Failing => Phrase { en: "failing", es: "con fallos" },
        ReportState::Waiting => Phrase { en: "waiting", es: "en espera" },
        ReportState::Fresh => Phrase { en: "fresh", es: "al día" },
    }
}

/// `4 stale`.
pub fn reports_in(language: Language, count: usize, state: ReportState) -> String {
    let one = self::state(state);
    let many = match state {
        ReportState::Stale => Phrase { es: "vencidos", ..one },
        _ => one,
    };
    plural(language, count, one, many)
}

pub fn window(window: WindowName) -> Phrase {
    match window {
        WindowName::Today => Phrase { en: "today", es: "hoy" },
        WindowName::Yesterday => Phrase { en: "yesterday", es: "ayer" },
        WindowName::Week => Phrase { en: "week", es: "semana" },
        WindowName::Month => Phrase { en: "month", es: "mes" },
        WindowName::Now => Phrase { en: "now", es: "ahora" },
    }
}

/// A reason in a few words, and what an operator can do about it: in English what the log says.
#[allow(clippy::too_many_lines, reason = "as long as the list of reasons")]
pub fn reason(reason: Reason) -> (Phrase, Phrase) {
    let pair = |en, es| Phrase { en, es };
    match reason {
        Reason::Timeout => (
            pair("no answer in time", "sin respuesta a tiempo"),
            pair(
                "the vendor answers within 60 s or not at all; an address not on its allow-list gets no answer",
                "el proveedor responde en 60 s o no responde; una dirección que no está en su lista de permitidos no recibe respuesta",
            ),
        ),
        Reason::Connect => (
            pair("no connection", "sin conexión"),
            pair(
                "check the server number, the network, and that wolkvox has allow-listed this address",
                "revise el número del servidor, la red, y que wolkvox tenga esta dirección en su lista de permitidos",
            ),
        ),
        Reason::Tls => (
            pair("the vendor's certificate is not trusted", "el certificado del proveedor no es de confianza"),
            pair(
                "check the certificate authorities of this machine and any proxy in between",
                "revise las autoridades de certificación de esta máquina y cualquier proxy intermedio",
            ),
        ),
        Reason::Http4xx => (
            pair("request refused", "petición rechazada"),
            pair(
                "check the server number or base_url, and that the operation has this report",
                "revise el número del servidor o base_url, y que la operación tenga este informe",
            ),
        ),
        Reason::Http5xx => (
            pair("the vendor fails", "falla el proveedor"),
            pair(
                "the vendor has a fault; polling goes on by itself",
                "el proveedor tiene una falla; las consultas siguen solas",
            ),
        ),
        Reason::Redirect => (
            pair("redirected elsewhere", "redirigida a otro lugar"),
            pair(
                "a redirect is never followed, because it would carry the token elsewhere; check base_url",
                "una redirección nunca se sigue, porque llevaría el token a otro lugar; revise base_url",
            ),
        ),
        Reason::TokenMissing => (
            pair("no token arrived", "no llegó ningún token"),
            pair(
                "ask wolkvox for a valid token and put it into the token file",
                "pida a wolkvox un token válido y póngalo en el archivo del token",
            ),
        ),
        Reason::TokenRejected => (
            pair("token refused", "token rechazado"),
            pair(
                "ask wolkvox for a valid token and put it into the token file",
                "pida a wolkvox un token válido y póngalo en el archivo del token",
            ),
        ),
        Reason::BudgetExhausted => (
            pair("the day's API requests are used up", "se agotaron las peticiones al API del día"),
            pair(
                "the operation's API requests of today are used up; other programs share the same budget",
                "las peticiones al API de hoy de la operación se agotaron; otros programas comparten el mismo presupuesto",
            ),
        ),
        Reason::StateNotWritten => (
            pair("the state folder cannot be written", "no se puede escribir en la carpeta de estado"),
            pair(
                "free disk space for the state folder, and let the exporter write there: see --state.dir",
                "libere espacio en disco para la carpeta de estado, y permita que el exportador escriba en ella: véase --state.dir",
            ),
        ),
        Reason::Concurrency => (
            pair("the token is in use elsewhere", "el token está en uso en otra parte"),
            pair(
                "another program uses this token at the same time; give the exporter a token of its own",
                "otro programa usa este token al mismo tiempo; dé al exportador un token propio",
            ),
        ),
        Reason::Maintenance => (
            pair("the vendor is in maintenance", "el proveedor está en mantenimiento"),
            pair(
                "the vendor is in maintenance or takes a backup; polling goes on by itself",
                "el proveedor está en mantenimiento o hace una copia de seguridad; las consultas siguen solas",
            ),
        ),
        Reason::ForbiddenOther => (
            pair("refused for a reason that is not documented", "rechazo por un motivo que no está documentado"),
            pair(
                "the vendor refused with a text that is not documented; ask its support",
                "el proveedor rechazó con un texto que no está documentado; pregunte a su soporte",
            ),
        ),
        Reason::TooLarge => (
            pair("answer too large", "respuesta demasiado grande"),
            pair(
                "the answer is over limits.response_bytes, or over its share of limits.memory",
                "la respuesta supera limits.response_bytes, o su parte de limits.memory",
            ),
        ),
        Reason::RecordLimit => (
            pair("answer cut off by the vendor", "respuesta cortada por el proveedor"),
            pair(
                "the vendor cuts answers off at limits.rows_per_answer records, and this window cannot be asked in smaller parts; ask wolkvox for a higher limit",
                "el proveedor corta las respuestas en limits.rows_per_answer registros, y esta ventana no se puede pedir en partes más pequeñas; pida a wolkvox un límite mayor",
            ),
        ),
        Reason::MemoryLimit => (
            pair("no memory for the answer", "sin memoria para la respuesta"),
            pair(
                "raise limits.memory, and the memory of the container with it",
                "aumente limits.memory, y con ella la memoria del contenedor",
            ),
        ),
        Reason::Malformed => (
            pair("answer cannot be read", "respuesta ilegible"),
            pair(
                "the answer is not the JSON that the vendor documents; see base_url and any proxy in between",
                "la respuesta no es el JSON que documenta el proveedor; vea base_url y cualquier proxy intermedio",
            ),
        ),
        Reason::Schema => (
            pair("a field is missing", "falta un campo"),
            pair(
                "the vendor renamed or dropped a field; the exporter needs an update",
                "el proveedor renombró o quitó un campo; el exportador necesita una actualización",
            ),
        ),
    }
}

/// What to do, where it is about this folder.
pub fn hint(language: Language, reason: Reason, folder: Option<&str>) -> String {
    match (folder, language) {
        (None, _) => self::reason(reason).1.said(language).to_owned(),
        (Some(folder), Language::English) => {
            format!("free disk space for the state folder {folder}, and let the exporter write there")
        }
        (Some(folder), Language::Spanish) => format!(
            "libere espacio en disco para la carpeta de estado {folder}, y permita que el exportador escriba en ella"
        ),
    }
}

// === sentences ===

/// Must someone get up?
pub fn verdict(language: Language, counts: Counts, is_refused: bool) -> String {
    let look = counts.failing + counts.stale;
    let [reports, fresh, waiting] = [counts.reports, counts.fresh, counts.waiting].map(|count| language.count(count));
    let shown_look = language.count(look);
    let mut text = match language {
        Language::English => match (look, counts.waiting) {
            _ if counts.reports == 0 => "no report to poll".to_owned(),
            (0, 0) if counts.reports == 1 => "the only report is fresh".to_owned(),
            (0, 0) => format!("all {reports} reports fresh"),
            (0, _) => format!("{fresh} of {reports} reports fresh, {waiting} waiting for a poll"),
            (1, _) => format!("1 of {reports} reports needs a look"),
            _ => format!("{shown_look} of {reports} reports need a look"),
        },
        Language::Spanish => match (look, counts.waiting) {
            _ if counts.reports == 0 => "ningún informe que consultar".to_owned(),
            (0, 0) if counts.reports == 1 => "el único informe está al día".to_owned(),
            (0, 0) => format!("los {reports} informes están al día"),
            (0, _) => format!("{fresh} de {reports} informes al día, {waiting} en espera de una consulta"),
            (1, _) => format!("1 de {reports} informes pide atención"),
            _ => format!("{shown_look} de {reports} informes piden atención"),
        },
    };
    if is_refused {
        text.push_str(language.pick("; the changed config was refused", "; la configuración cambiada fue rechazada"));
    }
    text
}

/// What the polls of a budget are expected to cost.
pub fn plan(language: Language, forecast: &Forecast) -> String {
    let Forecast { reports, fastest, requests, limit, pace } = *forecast;
    let [requests, limit] = [requests, limit].map(|number| language.number(number));
    let fast = language.span(fastest.as_secs());
    let slower = pace.filter(|pace| *pace > fastest).map(|pace| language.span(pace.as_secs()));
    let cost = match language {
        Language::English => {
            format!(
                "{reports} reports, the fastest every {fast}, want {requests} API requests a day, and {limit} are to be had"
            )
        }
        Language::Spanish => {
            format!(
                "{reports} informes, el más frecuente cada {fast}, quieren {requests} peticiones al API al día, y hay {limit}"
            )
        }
    };
    match (pace, slower, language) {
        (None, _, Language::English) => format!("{cost}: too few for any poll of today"),
        (None, _, Language::Spanish) => format!("{cost}: no alcanzan para ninguna consulta de hoy"),
        (_, Some(pace), Language::English) => format!("{cost}: none is asked more often than every {pace}"),
        (_, Some(pace), Language::Spanish) => format!("{cost}: ninguno se consulta más seguido que cada {pace}"),
        _ => cost,
    }
}

pub fn as_of(language: Language, at: Timestamp) -> String {
    let at = at.strftime("%Y-%m-%d %H:%M:%S UTC");
    match language {
        Language::English => format!("As of {at}."),
        Language::Spanish => format!("Estado del {at}."),
    }
}

pub fn refreshes_every(language: Language, seconds: u32) -> String {
    match language {
        Language::English => format!("Refreshes every {seconds} s: "),
        Language::Spanish => format!("Se actualiza cada {seconds} s: "),
    }
}

/// `4 causes in 17 of 40 operations`.
pub fn causes(language: Language, causes: usize, affected: usize, operations: usize) -> String {
    let causes = plural(language, causes, Phrase { en: "cause", es: "causa" }, Phrase { en: "causes", es: "causas" });
    let [affected, all] = [affected, operations].map(|count| language.count(count));
    match language {
        _ if operations == 1 => causes,
        Language::English => format!("{causes} in {affected} of {all} operations"),
        Language::Spanish => format!("{causes} en {affected} de {all} operaciones"),
    }
}

pub fn and_more(language: Language, count: usize) -> String {
    match language {
        Language::English => format!("and {} more", language.count(count)),
        Language::Spanish => format!("y {} más", language.count(count)),
    }
}

/// Details that a cause has besides those shown.
pub fn other_details(language: Language, count: usize) -> String {
    match language {
        Language::English if count == 1 => "and 1 other detail: see the JSON".to_owned(),
        Language::English => format!("and {} other details: see the JSON", language.count(count)),
        Language::Spanish if count == 1 => "y otro detalle: vea el JSON".to_owned(),
        Language::Spanish => format!("y otros {} detalles: vea el JSON", language.count(count)),
    }
}

pub fn failures_in_a_row(language: Language, count: u64) -> String {
    match language {
        Language::English => format!("up to {} failures in a row", language.number(count)),
        Language::Spanish => format!("hasta {} fallos seguidos", language.number(count)),
    }
}

pub fn partly_served(language: Language, served: usize, all: usize) -> String {
    let [served, all] = [served, all].map(|count| language.count(count));
    match language {
        Language::English => format!("{served} of {all} still served"),
        Language::Spanish => format!("aún se sirven {served} de {all}"),
    }
}

pub fn undocumented(language: Language, field: &str) -> String {
    match language {
        Language::English => format!("the field {field}, which is not documented"),
        Language::Spanish => format!("el campo {field}, que no está documentado"),
    }
}

pub fn unreadable(language: Language, field: &str) -> String {
    match language {
        Language::English => format!("unreadable values of {field}"),
        Language::Spanish => format!("valores ilegibles de {field}"),
    }
}

/// Of a list that is cut off.
pub fn first_of(language: Language, shown: usize, all: usize) -> String {
    let [shown, all] = [shown, all].map(|count| language.count(count));
    match language {
        Language::English => format!("These are {shown} of {all}; the JSON has all of them."),
        Language::Spanish => format!("Estos son {shown} de {all}; el JSON los tiene todos."),
    }
}

/// What a search found, before the text that was searched for.
pub fn found(language: Language, found: usize, all: usize) -> String {
    let [found, all] = [found, all].map(|count| language.count(count));
    match language {
        Language::English => format!("{found} of {all} operations have this in their name: "),
        Language::Spanish => format!("{found} de {all} operaciones tienen esto en su nombre: "),
    }
}

pub fn requests_left(language: Language, left: u64) -> String {
    match language {
        Language::English => format!("{} API requests left", language.number(left)),
        Language::Spanish => format!("quedan {} peticiones al API", language.number(left)),
    }
}

/// When the count of API requests starts again.
pub fn start_again(language: Language, when: &str) -> String {
    match language {
        Language::English => format!("API requests start again {when}"),
        Language::Spanish => format!("las peticiones al API empiezan de nuevo {when}"),
    }
}

/// The age of the oldest data, short enough for a line.
pub fn oldest(language: Language, seconds: u64) -> String {
    match language {
        Language::English => format!("oldest data {}", language.span(seconds)),
        Language::Spanish => format!("antigüedad {}", language.span(seconds)),
    }
}

pub fn reports_of(language: Language) -> &'static str {
    language.pick("Reports of ", "Informes de ")
}

pub fn licenses(language: Language, licenses: Option<u32>) -> String {
    match (licenses, language) {
        (None, _) => LICENSES_ASKED.said(language).to_owned(),
        (Some(count), Language::English) => format!("{} licences", language.number(count.into())),
        (Some(count), Language::Spanish) => format!("{} licencias", language.number(count.into())),
    }
}

pub fn pool(language: Language, pool: &str) -> String {
    match language {
        Language::English => format!("pool {pool}"),
        Language::Spanish => format!("presupuesto común {pool}"),
    }
}

pub fn time_out(language: Language, seconds: u64) -> String {
    match language {
        Language::English => format!("time-out {}", language.span(seconds)),
        Language::Spanish => format!("tiempo límite {}", language.span(seconds)),
    }
}

/// The pace in force and the one that was set, where they differ.
pub fn pace(language: Language, now: u64, configured: u64) -> String {
    let span = language.span(now);
    match language {
        _ if now == configured => span,
        Language::English => format!("{span} (set: {})", language.span(configured)),
        Language::Spanish => format!("{span} (fijado: {})", language.span(configured)),
    }
}

pub fn ago(language: Language, seconds: u64) -> String {
    match language {
        Language::English => format!("{} ago", language.span(seconds)),
        Language::Spanish => format!("hace {}", language.span(seconds)),
    }
}

/// How long until a time, or that it has come.
pub fn until(language: Language, then: Option<Timestamp>, at: Timestamp) -> String {
    let Some(then) = then else { return "–".to_owned() };
    let wait = time::until(at, then);
    match language {
        _ if wait.is_zero() => NOW.said(language).to_owned(),
        Language::English => format!("in {}", language.span(wait.as_secs())),
        Language::Spanish => format!("en {}", language.span(wait.as_secs())),
    }
}

/// From when to when, on the operation's own clock.
pub fn range(language: Language, (from, to): (Timestamp, Timestamp), zone: &TimeZone) -> String {
    let (from, to) = (zone.to_datetime(from), zone.to_datetime(to));
    let (day, end) = (day(language, from), to.strftime("%H:%M"));
    match language {
        Language::English => format!("{day} {} to {end}", from.strftime("%H:%M")),
        Language::Spanish => format!("{day} {} a {end}", from.strftime("%H:%M")),
    }
}

fn day(language: Language, date: DateTime) -> String {
    const MONTHS: [Phrase; 12] = [
        Phrase { en: "Jan", es: "ene" },
        Phrase { en: "Feb", es: "feb" },
        Phrase { en: "Mar", es: "mar" },
        Phrase { en: "Apr", es: "abr" },
        Phrase { en: "May", es: "may" },
        Phrase { en: "Jun", es: "jun" },
        Phrase { en: "Jul", es: "jul" },
        Phrase { en: "Aug", es: "ago" },
        Phrase { en: "Sep", es: "sep" },
        Phrase { en: "Oct", es: "oct" },
        Phrase { en: "Nov", es: "nov" },
        Phrase { en: "Dec", es: "dic" },
    ];
    let month = usize::try_from(date.month() - 1).ok().and_then(|month| MONTHS.get(month));
    let month = month.map_or("", |month| month.said(language));
    match language {
        Language::English => format!("{month} {}", date.day()),
        Language::Spanish => format!("{} {month}", date.day()),
    }
}

/// When the config in force was read, after its file's name.
pub fn read(language: Language, seconds_ago: u64, at: Timestamp) -> String {
    let (ago, at) = (ago(language, seconds_ago), at.strftime("%Y-%m-%d %H:%M:%S UTC"));
    match language {
        Language::English => format!(", read {ago}, {at}."),
        Language::Spanish => format!(", leída {ago}, {at}."),
    }
}

pub fn reload_failed(language: Language, seconds_ago: u64) -> String {
    let ago = ago(language, seconds_ago);
    match language {
        Language::English => format!(" The reload {ago} failed, and the config above stays in force:"),
        Language::Spanish => format!(" La recarga de {ago} falló, y sigue vigente la configuración de arriba:"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const BOTH: [Language; 2] = [Language::English, Language::Spanish];
    const STATES: [ReportState; 4] =
        [ReportState::Stale, ReportState::Failing, ReportState::Waiting, ReportState::Fresh];

    #[test]
    fn every_text_is_told_in_words_of_its_own_language() {
        let reasons = Reason::ALL.into_iter().flat_map(|reason| <[Phrase; 2]>::from(self::reason(reason)));
        let texts: Vec<Phrase> = ALL.iter().copied().chain(STATES.map(state)).chain(reasons).collect();
        assert!(texts.len() > 80, "{}", texts.len());
        for text in texts {
            let is_shared = text == SERIES;
            assert!(!text.en.is_empty() && !text.es.is_empty() && (is_shared || text.en != text.es), "{text:?}");
            for text in [text.en, text.es] {
                assert!(
                    !text.contains("calls") && !text.contains("llamadas"),
                    "requests to the vendor are no calls: {text}"
                );
            }
        }
    }

    #[test]
    fn a_hint_says_on_the_page_what_it_says_in_the_log() {
        for reason in Reason::ALL {
            assert_eq!(self::reason(reason).1.en, reason.hint());
            let failure =
                crate::wolkvox::Failure { folder: Some("/x".to_owned()), ..crate::wolkvox::Failure::new(reason, "") };
            assert_eq!(hint(Language::English, reason, Some("/x")), failure.hint());
            assert!(hint(Language::Spanish, reason, Some("/x")).contains("/x"));
        }
    }

    #[test]
    fn numbers_and_spans_are_written_as_their_readers_write_them() {
        for (number, en, es) in
            [(0, "0", "0"), (999, "999", "999"), (1_440, "1,440", "1.440"), (1_234_567, "1,234,567", "1.234.567")]
        {
            assert_eq!(BOTH.map(|language| language.number(number)), [en, es]);
        }
        for (seconds, en, es) in [
            (0, "0s", "0 s"),
            (59, "59s", "59 s"),
            (60, "1m", "1 min"),
            (205, "3m 25s", "3 min 25 s"),
            (3_659, "1h", "1 h"),
            (9_000, "2h 30m", "2 h 30 min"),
            (86_400 * 3 + 7_300, "3d 2h", "3 d 2 h"),
        ] {
            assert_eq!(BOTH.map(|language| language.span(seconds)), [en, es]);
        }
    }

    #[test]
    fn a_plan_tells_its_cost_and_the_pace_where_the_budget_is_short() {
        let fastest = Duration::from_mins(5);
        let plan = |pace| Forecast { reports: 5, fastest, requests: 1_440, limit: 40_000, pace };
        let told = |pace| BOTH.map(|language| super::plan(language, &plan(pace)));
        let en = "5 reports, the fastest every 5m, want 1,440 API requests a day, and 40,000 are to be had";
        let es = "5 informes, el más frecuente cada 5 min, quieren 1.440 peticiones al API al día, y hay 40.000";
        assert_eq!(told(Some(fastest)), [en, es]);
        let slower = [
            format!("{en}: none is asked more often than every 7m"),
            format!("{es}: ninguno se consulta más seguido que cada 7 min"),
        ];
        assert_eq!(told(Some(Duration::from_mins(7))), slower);
        let none =
            [format!("{en}: too few for any poll of today"), format!("{es}: no alcanzan para ninguna consulta de hoy")];
        assert_eq!(told(None), none);
    }

    #[test]
    fn a_verdict_counts_what_needs_a_look() {
        let counts = |fresh, waiting, failing, stale| Counts {
            reports: fresh + waiting + failing + stale,
            fresh,
            waiting,
            failing,
            stale,
        };
        for (counts, en, es) in [
            (counts(0, 0, 0, 0), "no report to poll", "ningún informe que consultar"),
            (counts(1, 0, 0, 0), "the only report is fresh", "el único informe está al día"),
            (counts(2_000, 0, 0, 0), "all 2,000 reports fresh", "los 2.000 informes están al día"),
            (
                counts(3, 2, 0, 0),
                "3 of 5 reports fresh, 2 waiting for a poll",
                "3 de 5 informes al día, 2 en espera de una consulta",
            ),
            (counts(3, 2, 1, 0), "1 of 6 reports needs a look", "1 de 6 informes pide atención"),
            (counts(0, 0, 900, 300), "1,200 of 1,200 reports need a look", "1.200 de 1.200 informes piden atención"),
        ] {
            assert_eq!(BOTH.map(|language| verdict(language, counts, false)), [en, es]);
        }
        assert!(
            verdict(Language::Spanish, Counts::default(), true).ends_with("; la configuración cambiada fue rechazada")
        );
    }
}
