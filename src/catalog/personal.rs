//! Which of the vendor's fields tell of people, by their names.
//!
//! Customers can never be declared. Of agents, a declaration says what a field tells, so that the privacy choice acts on it;
//! only of fields that are known to tell of nobody it need not.

use super::report::Personal;

/// Fields of customers in the vendor's documents.
const CUSTOMERS: [&str; 12] = [
    "ani",
    "customer_id",
    "customer_phone",
    "dial_phone",
    "dnis",
    "from",
    "fromname",
    "ip",
    "msg",
    "phone_number",
    "subject",
    "telephone",
];

/// Words of a name that only a customer's field has, or one that tells where somebody can be reached.
const CUSTOMER_WORDS: [&str; 20] = [
    "address",
    "ani",
    "body",
    "cedula",
    "cel",
    "contact",
    "contacto",
    "correo",
    "dial",
    "direccion",
    "dnis",
    "email",
    "from",
    "ip",
    "message",
    "mobile",
    "movil",
    "msg",
    "subject",
    "to",
];

/// Parts of such words.
const CUSTOMER_PARTS: [&str; 7] = ["phone", "mail", "customer", "client", "telef", "teléf", "celular"];

/// Words in a field's name which say that its values identify one person.
const IDENTIFYING_WORDS: [&str; 8] = ["code", "dni", "document", "documento", "id", "nit", "number", "numero"];

/// Fields of agents in the vendor's documents, and what each tells.
const AGENTS: [(&str, Personal); 7] = [
    ("agent_id", Personal::Id),
    ("id_agent", Personal::Id),
    ("user", Personal::Id),
    ("agent_name", Personal::Name),
    ("quality_analyst", Personal::Name),
    ("agent_dni", Personal::Document),
    ("agent_sso", Personal::Document),
];

/// Fields that the vendor documents as texts of a bounded number, which tell of nobody.
const IMPERSONAL: [&str; 43] = [
    "INTERVAL",
    "agent_status",
    "attribute",
    "audio_id",
    "aux_state",
    "campaign",
    "campaign_id",
    "campaign_name",
    "category",
    "chanel",
    "channel",
    "cod_act",
    "cod_opc_menu",
    "code_act",
    "connection_type",
    "connector_id",
    "description",
    "description_cod_act",
    "dial_mode",
    "error_type",
    "feeling",
    "hit",
    "id_campaign",
    "id_campaing",
    "machinecode",
    "operation",
    "platform",
    "result",
    "rp_id",
    "rp_name",
    "skill_id",
    "skill_name",
    "status",
    "survey",
    "type",
    "type_campaign",
    "type_code",
    "type_interaction",
    "type_ip",
    "type_nlp",
    "type_recall",
    "version",
    "date",
];

fn is_customers(field: &str) -> bool {
    CUSTOMERS.contains(&field)
}

/// Why a field of this name may not be read as a value, and what to do. The privacy choice does not act on values. But
/// they are numbers: counts of customers, mails and calls may be read, and only numbers that identify somebody may not.
pub(super) fn not_a_value(field: &str) -> Option<(&'static str, &'static str)> {
    let lower = field.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    let is_of = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    let is_number = is_customers(&lower)
        || is_of(&["phone", "telef", "teléf", "celular"])
        || words.clone().any(|word| ["ani", "cedula", "cel", "dnis", "mobile", "movil"].contains(&word))
        || is_of(&["customer", "client"]) && words.any(|word| IDENTIFYING_WORDS.contains(&word));
    if is_number {
        return Some(("can tell of a customer, and customers are never shown", "leave the metric out"));
    }
    let hint = "make it a label, on which the privacy choice acts";
    of_agent(field).map(|_| ("tells of an agent, and cannot be a value", hint))
}

/// Whether it may not become a label, whatever a declaration says of it: its name reads like one that tells of a customer.
pub(super) fn reads_like_a_customers(field: &str) -> bool {
    if IMPERSONAL.contains(&field) || of_agent(field).is_some() {
        return false;
    }
    let field = field.to_lowercase();
    let mut words = field.split(|c: char| !c.is_alphanumeric());
    is_customers(&field)
        || CUSTOMER_PARTS.iter().any(|part| field.contains(part))
        || words.any(|word| CUSTOMER_WORDS.contains(&word))
}

/// What a field of the vendor's documents tells of an agent.
pub(super) fn of_agent(field: &str) -> Option<Personal> {
    AGENTS.iter().find(|(known, _)| *known == field).map(|(_, personal)| *personal)
}

pub(super) fn is_impersonal(field: &str) -> bool {
    IMPERSONAL.contains(&field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_leak_a_value_is_no_number_of_a_person_and_may_be_a_count_of_some() {
        for field in ["ani", "Telephone", "customer_phone", "client_id", "CUSTOMER_DNI", "agent_dni", "cel"] {
            assert!(not_a_value(field).is_some(), "{field}");
        }
        for field in ["customer_say_yes", "dial", "email", "clients", "surveys", "client_time", "cancelled"] {
            assert_eq!(not_a_value(field), None, "{field}");
        }
    }

    #[test]
    fn never_leak_a_name_that_reads_like_a_customers_is_told_from_one_that_does_not() {
        for field in [
            "ani",
            "Customer_ID",
            "telefono",
            "client_name",
            "eMail",
            "ip",
            "remote_ip",
            "to",
            "phone2",
            "dial",
            "numeroTelefono",
        ] {
            assert!(reads_like_a_customers(field), "{field}");
        }
        for field in
            ["agent_id", "dial_mode", "campaign", "description", "total", "tipo", "skill", "team", "ranitidine"]
        {
            assert!(!reads_like_a_customers(field), "{field}");
        }
    }
}
