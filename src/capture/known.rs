//! Words of the vendor's own, which its pages document: they name nobody, so they stay as they are.

/// Values: states, results of call-backs, and codes that the system sets. One a line, because some have two words.
pub(super) const VALUES: &str = "\
OK
FAIL
NO
YES
NO USER
STOP NEW
READY
TALK
ACW
RING
AUX
LOGIN
LOGOUT
INBOUND
OUTBOUND
INTERNAL
TIMEOUTCHAT
TIMEOUTACW
ANSWER
NO ANSWER
ABANDON
BUSY
CONGESTION
FAILED
null";

/// Words of what the vendor says of an answer, in `msg` and `error`.
pub(super) const SAID: &str = "
a address allowed answer an and another api are asked backup bad be been code consult data database date dates day days
does enter entered error exceed exceeded exceeds exist failed fechas for forbidden found from has have have in internal
invalid ip ips is it later limit maintenance mantenimiento many not null of ok one parameter parameters per period please
process progress range record records report request requests required respaldo server service simultaneous some system
that the this to token too try unauthorized under unavailable update valid validate want was were with wolkvox you your";

/// Words that tell what kind of refusal a page is.
pub(super) const REFUSALS: &str = "MAINTENANCE MANTENIMIENTO BACKUP RESPALDO FORBIDDEN UNAUTHORIZED BLOCKED DENIED TIMEOUT GATEWAY \
                                   UNAVAILABLE ERROR TOKEN LIMIT";

/// Words that keys are made of.
pub(super) const KEYS: &str = "
abandon accuracy accepted act action active activity acw ad after agent agents aht all amd amount an analyst analytics and
ani answer answered anwers api asa asked at ata att attempt attempts attribute attributes audio aux auxiliary available
average avg aws ban begin between bi bidireccional bill billed birth birthday blob bot busy by call callback callbacks called
calls campaign campaing cancel cantidad category chanel channel character characters chars chat chatbot chats choice city
clean client close closed closing cobrowsing cod code codes coded comment comments company conference congestion conn
connected connection connector consumption contact contacts content conversation conversations cost count country cpu created
creation critical crm current customer customers daily data date dates day days delay delete deleted description destination
detail details dial dialed dialled dialer diff disposition dni dnis document duration ended end email enabled error errors
evaluation evaluations event events expertise extension facebook fail failed feeling field fields file finish first flag from
fromname gamification global goal greater greet group groups guion handle handled hang hangup hit hits hold holds hour hours
id ids idle in inbound index information ini initial inner instagram int intelligentdial interaction interactions internal
interval ip is item items ivr jitter key keys kind label language last latency level license licenses limit line lines list
location log logged login logins logout logouts long lost machine machinecode mail mailgun manual max maximum mean menu
message messages messenger method min minimum minute minutes missed mode mr ms msg mute muted name names needed network new
next nlp no not note notes notification notifications now null number numbers occupancy occupation ocupation offer offered of
ok old on opc operation operations opportunity option options or order origin other out outbound outbund over page pages part
pause paused pauses pbx pending penetration per percent percentage period phone phones plan platform ploss points position
post postal precision predictive prefix preview previous priority process product prot public queue queued quality quantity
question questions ram range rank ranking rate rating ratio ready reason recall recalls received recognition recognitions
record recording recordings records recycled ref reference region rejected rejection reply report reports response result
results retries retry ring ringing rows rp rpc rsync rx sale sales say scheduled score scores screen script seconds second
section seg segment selected send sender sent sequence server service services session sessions shift short show silence
since size skill skills sla slow sms social source speech speed sso start started stat state states stats status step steps
stereo stop stopped storage studio sub subject success sum summary survey surveys system tag tags talk talking tax team teams
telegram telephone template text than thread ticket time timeout times timestamp title tmo to today token total totals
transcript transfer transferred transfers treatment tries try tts turbo turn tx type types uncode uncoded unique unit units
until up update updated url usage use used user users uses utc value values version video visit visits voice volume wait
waited waiting waits web week whatsapp wizard wolkvox work working workstation wrap wrapup x xx year yes yesterday zone q s";

/// Words of keys whose values tell of a person, whatever they look like.
pub(super) const PERSONAL: &str = "
ani birth birthday client comment comments contact contacts content conversation conversations customer customers destination dial dialed
dialled dni dnis document email extension file from fromname id ids ip item items key keys location mail message messages
msg name names note notes number numbers phone phones postal prefix recording recordings ref reference reply sender subject
tag tags telephone text thread ticket title to token transcript url user users";

/// Whether a list has a word, in small letters or capitals.
pub(super) fn has_word(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::super::rules::{is_plain_word, words};
    use super::*;

    #[test]
    fn personal_words_are_words_of_keys() {
        for word in PERSONAL.split_ascii_whitespace() {
            assert!(has_word(KEYS, word), "{word}");
        }
        assert!(has_word(SAID, "MAINTENANCE") && !has_word(KEYS, "laura") && !has_word(KEYS, ""));
    }

    #[test]
    fn the_keys_of_the_catalogue_are_made_of_known_words() {
        for report in crate::catalog::Catalog::builtin().unwrap().reports() {
            for field in report.fields() {
                let is_setting = |word: &&str| ["{", "}"].contains(word);
                let mut words = words(field).into_iter().filter(|word| !is_setting(word));
                assert!(words.all(is_plain_word), "{field}");
            }
        }
    }
}
