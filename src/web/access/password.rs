//! Whether a password is the user's.
//!
//! A check is slow on purpose, so one is made at a time, clients take turns, and what was right once is known again
//! at once. So a flood of wrong passwords costs one core at most, and nobody who was let in before waits for it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;

use super::PasswordHash;
use crate::lock;
use crate::web::client_address::{ClientAddress, ClientCounts};

/// bcrypt reads no further, and a password that is only compared in part is not compared.
pub const LONGEST_PASSWORD: usize = 72;
/// Right answers that are remembered: a few dozen users, each with an old and a new password.
const REMEMBERED: usize = 64;
/// Checks that one client may have waiting; each takes a slot and some fifty milliseconds from those behind it.
const WAITING: usize = 8;

type Digest = [u8; 32];

/// What a client says who it is.
pub struct Login {
    user: String,
    password: Vec<u8>,
}

/// What is known of passwords, whatever config is in force.
pub struct Passwords {
    /// Of this process alone: nobody can work out which digest a password would have.
    key: hmac::Key,
    /// Digests of what was right, the latest last.
    right: Mutex<VecDeque<Digest>>,
    waiting: ClientCounts,
    /// A client's checks wait here first: only one of them at a time stands in the common queue.
    turns: Mutex<HashMap<ClientAddress, Arc<Semaphore>>>,
    one: Arc<Semaphore>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordCheck {
    Right,
    Wrong,
    /// Too many of this client's are waiting: neither right nor wrong.
    Busy,
}

impl Login {
    /// Reads basic authentication. Several headers are none: a proxy in between may have looked at another one.
    pub fn of(headers: &HeaderMap) -> Option<Login> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (value, None) = (values.next()?, values.next()) else { return None };
        let (scheme, code) = value.to_str().ok()?.split_once(' ')?;
        let text = BASE64_STANDARD.decode(code.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        let colon = text.iter().position(|byte| *byte == b':')?;
        Some(Login { user: String::from_utf8(text[..colon].to_vec()).ok()?, password: text[colon + 1..].to_vec() })
    }
}

impl Default for Passwords {
    fn default() -> Passwords {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Passwords {
            key: key.expect("the system has random numbers, or TLS could not be spoken either"),
            right: Mutex::default(),
            waiting: ClientCounts::default(),
            turns: Mutex::default(),
            one: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Passwords {
    /// Checks a login against the users in force.
    pub async fn check(
        &self,
        users: &BTreeMap<String, PasswordHash>,
        login: Login,
        client: ClientAddress,
    ) -> PasswordCheck {
        let known = users.get(&login.user);
        let digest = self.digest(&login, known);
        if known.is_some() && lock::mutex(&self.right).contains(&digest) {
            return PasswordCheck::Right;
        }
        let Some(_waiting) = self.waiting.count(client, WAITING) else { return PasswordCheck::Busy };
        let highest = users.values().map(|hash| hash.cost).max().unwrap_or_default();
        let hash = known.cloned();
        let turn = Arc::clone(lock::mutex(&self.turns).entry(client).or_insert_with(|| Arc::new(Semaphore::new(1))));
        let is_right = {
            let _turn = turn.acquire().await;
            let one = Arc::clone(&self.one).acquire_owned().await;
            // The place goes along: a client that leaves does not end its check, and must not let a second one begin.
            let checking = tokio::task::spawn_blocking(move || {
                let _one = one;
                is_right(&login.password, hash.as_ref(), highest)
            });
            checking.await.unwrap_or(false)
        };
        drop(turn);
        lock::mutex(&self.turns).retain(|_, turn| Arc::strong_count(turn) > 1);
        if !is_right {
            return PasswordCheck::Wrong;
        }
        let mut right = lock::mutex(&self.right);
        right.push_back(digest);
        if right.len() > REMEMBERED {
            right.pop_front();
        }
        PasswordCheck::Right
    }

    /// Every part comes with its length: without that, parts can be shifted into each other, and one user's name
    /// and password give another's digest (CVE-2022-46146).
    fn digest(&self, login: &Login, hash: Option<&PasswordHash>) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [login.user.as_bytes(), hash.map_or("", PasswordHash::expose).as_bytes(), &login.password] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut digest = Digest::default();
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }
}

/// Takes the time of a check at the highest cost, whatever the answer.
fn is_right(password: &[u8], hash: Option<&PasswordHash>, highest: u32) -> bool {
    let fits = password.len() <= LONGEST_PASSWORD && !password.contains(&0);
    let mut matches = work(hash, highest).into_iter().map(|hash| verify(password, &hash));
    let first = matches.next().unwrap_or(false);
    matches.for_each(drop);
    fits && hash.is_some() && first
}

/// The hashes to check, which together always take the time of one at the highest cost. A user whom nobody knows gets
/// one of that cost. Time doubles with each step of cost: so a cheaper hash is followed by one at each cost from its
/// own to the last but one.
fn work(hash: Option<&PasswordHash>, highest: u32) -> Vec<PasswordHash> {
    let first = hash.cloned().unwrap_or_else(|| PasswordHash::nobodys(highest));
    let rest = first.cost..highest;
    [first].into_iter().chain(rest.map(PasswordHash::nobodys)).collect()
}

fn verify(password: &[u8], hash: &PasswordHash) -> bool {
    // The hash was read before, so an error cannot come; if one did, the password would count as wrong.
    bcrypt::verify(password, hash.expose()).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinHandle;

    fn users(of: &[(&str, &str, u32)]) -> BTreeMap<String, PasswordHash> {
        let lines = of
            .iter()
            .map(|(user, password, cost)| format!("  {user}: \"{}\"\n", bcrypt::hash(password, *cost).unwrap()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yml");
        std::fs::write(&path, format!("basic_auth_users:\n{}", lines.collect::<String>())).unwrap();
        crate::web::WebConfig::load(&path).0.unwrap().users
    }

    fn login(user: &str, password: &[u8]) -> Login {
        Login { user: user.to_owned(), password: password.to_vec() }
    }

    fn address(last: u8) -> ClientAddress {
        ClientAddress::of(std::net::Ipv4Addr::new(192, 0, 2, last).into())
    }

    async fn check(passwords: &Passwords, users: &BTreeMap<String, PasswordHash>, login: Login) -> PasswordCheck {
        passwords.check(users, login, address(1)).await
    }

    #[tokio::test]
    async fn only_the_whole_password_of_the_user_is_right() {
        let passwords = Passwords::default();
        let long = "x".repeat(72);
        let users = users(&[("alice", "correct horse", 8), ("bob", &long, 8)]);
        assert_eq!(check(&passwords, &users, login("alice", b"correct horse")).await, PasswordCheck::Right);
        assert_eq!(check(&passwords, &users, login("bob", long.as_bytes())).await, PasswordCheck::Right);
        let longer = format!("{long}y");
        for (user, password) in [
            ("alice", "correct hors"),
            ("alice", "correct horse "),
            ("alice", "correct horse\0"),
            ("alice", ""),
            ("alice", &long),
            ("Alice", "correct horse"),
            ("bob", "correct horse"),
            ("bob", &longer),
            ("nobody", "correct horse"),
            ("", ""),
        ] {
            assert_eq!(
                check(&passwords, &users, login(user, password.as_bytes())).await,
                PasswordCheck::Wrong,
                "{user}"
            );
        }
    }

    #[tokio::test]
    async fn a_crafted_login_never_meets_the_remembered_answer_of_another_one() {
        let passwords = Passwords::default();
        let users = users(&[("alice", "secret", 8), ("alicex", "other", 8)]);
        assert_eq!(check(&passwords, &users, login("alice", b"secret")).await, PasswordCheck::Right);
        let hash = users["alice"].expose();
        // The same bytes in a row, cut at other places, as the hole in exporter-toolkit was used.
        for (user, password) in [
            (format!("alice{hash}"), "secret".to_owned()),
            ("ali".to_owned(), format!("ce{hash}secret")),
            ("alice".to_owned(), format!("{hash}secret")),
            ("alicex".to_owned(), "secret".to_owned()),
            (String::new(), format!("alice{hash}secret")),
        ] {
            let crafted = check(&passwords, &users, login(&user, password.as_bytes())).await;
            assert_eq!(crafted, PasswordCheck::Wrong, "{user}");
        }
        assert_eq!(lock::mutex(&passwords.right).len(), 1);
    }

    #[tokio::test]
    async fn a_changed_hash_makes_the_old_password_wrong_although_it_is_remembered() {
        let passwords = Passwords::default();
        let (before, after) = (users(&[("alice", "old", 8)]), users(&[("alice", "new", 8)]));
        assert_eq!(check(&passwords, &before, login("alice", b"old")).await, PasswordCheck::Right);
        assert_eq!(check(&passwords, &after, login("alice", b"old")).await, PasswordCheck::Wrong);
        assert_eq!(check(&passwords, &users(&[]), login("alice", b"old")).await, PasswordCheck::Wrong);
        assert_eq!(check(&passwords, &before, login("alice", b"old")).await, PasswordCheck::Right);
    }

    /// The work is compared, and not the time that it takes: that is a matter of the machine.
    #[test]
    fn an_unknown_user_a_wrong_password_and_a_cheaper_hash_take_the_same_work() {
        let users = users(&[("cheap", "a", 8), ("dear", "b", 10)]);
        let work_of = |user: &str| work(users.get(user), 10).iter().map(|hash| 1_u64 << hash.cost).sum::<u64>();
        for user in ["dear", "nobody", "cheap"] {
            assert!(!is_right(b"wrong", users.get(user), 10), "{user}");
            assert_eq!(work_of(user), 1 << 10, "{user}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flood_of_wrong_passwords_delays_no_known_client_and_no_other_one_for_long() {
        let passwords = Arc::new(Passwords::default());
        let users = Arc::new(users(&[("alice", "a", 8), ("bob", "b", 8)]));
        assert_eq!(passwords.check(&users, login("alice", b"a"), address(1)).await, PasswordCheck::Right);
        let flood: Vec<_> = (0..200)
            .map(|attempt: u32| {
                let (passwords, users) = (Arc::clone(&passwords), Arc::clone(&users));
                let wrong = login("alice", &attempt.to_le_bytes().map(|byte| byte | 1));
                tokio::spawn(async move { passwords.check(&users, wrong, address(9)).await })
            })
            .collect();
        tokio::task::yield_now().await;
        let waiting = |flood: &[JoinHandle<PasswordCheck>]| flood.iter().filter(|one| !one.is_finished()).count();
        assert_eq!(passwords.check(&users, login("alice", b"a"), address(9)).await, PasswordCheck::Right);
        assert!(waiting(&flood) > 0, "a remembered password waited for the whole flood");
        assert_eq!(passwords.check(&users, login("bob", b"b"), address(1)).await, PasswordCheck::Right);
        assert!(waiting(&flood) > 0, "another client waited for the whole flood");
        let mut verdicts = Vec::new();
        for one in flood {
            verdicts.push(one.await.unwrap());
        }
        assert!(verdicts.iter().all(|verdict| *verdict != PasswordCheck::Right));
        assert!(verdicts.iter().filter(|verdict| **verdict == PasswordCheck::Busy).count() >= 150, "{verdicts:?}");
        assert!(lock::mutex(&passwords.turns).len() <= 1);
    }

    #[test]
    fn only_one_well_formed_basic_header_is_a_login() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            Login::of(&headers).map(|login| (login.user, String::from_utf8(login.password).unwrap()))
        };
        let right = Some(("alice".to_owned(), "a:b".to_owned()));
        assert_eq!(of(&["Basic YWxpY2U6YTpi"]), right);
        assert_eq!(of(&["bAsIc YWxpY2U6YTpi"]), right);
        for wrong in [
            &[][..],
            &["Basic YWxpY2U6YTpi", "Basic YWxpY2U6YTpi"],
            &["Basic"],
            &["Basic "],
            &["Basic YWxpY2U="],
            &["Basic %%%"],
            &["Bearer YWxpY2U6YTpi"],
            &["Basic YWxpY2U6YTpi YWxpY2U6YTpi"],
            &["Basic /zph"],
        ] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
    }
}
