//! What a login costs the daemon, whoever asks: a guesser learns nothing from the work.

use super::*;

/// Names that no account has, of all kinds.
const UNKNOWN: [&str; 8] = ["nobody", "eve", "ada2", "bo", "", "../x", "no such name at all!", "ADA"];

/// The checks that a login has run, by what each costs: the parameters and the lengths of its hash.
fn checks(world: &World, name: &str) -> Vec<String> {
    let mut peer = world.connect();
    peer.hold = true;
    peer.ask(json!({"id": 1, "op": "login", "user": name, "password": "wrong"}));
    let mut checks = Vec::new();
    while let Some(job) = peer.held.take() {
        let Job::Verify { hash, password } = &job else { panic!("{name}: {}", job.name()) };
        assert_eq!(password.expose(), "wrong", "{name}: what is hashed is what was given");
        checks.push(cost(hash.as_str()));
        peer.tell(Event::Done(job.run()));
    }
    peer.pass(Duration::from_millis(300));
    assert_eq!(peer.code(1), "login_refused", "{name}");
    checks
}

/// What a check depends on: a PHC string without its salt's and its output's values.
fn cost(phc: &str) -> String {
    let [_, algorithm, params, salt, output] = phc.split('$').collect::<Vec<_>>()[..] else {
        panic!("{phc}")
    };
    format!("{algorithm} {params} {} {}", salt.len(), output.len())
}

#[test]
fn an_unknown_name_costs_one_check_as_dear_as_a_known_ones() {
    let known: Vec<_> = ["ada", "bob"].map(|name| checks(&World::new(None), name)).into();
    assert_eq!(known[0].len(), 1, "{known:?}");
    assert_eq!(known[0], known[1]);
    for name in UNKNOWN {
        assert_eq!(checks(&World::new(None), name), known[0], "{name:?}");
    }
}

#[test]
fn among_accounts_of_several_costs_an_unknown_name_costs_what_one_of_them_does_each_time() {
    let mut users = Users::default();
    for (id, name, log_n) in [(1, "ada", 10), (2, "bob", 11)] {
        let password = PasswordHash::new(&Secret::new("secret".into()), Cost { log_n }).expect("a hash");
        users.users.insert(UserName::new(name).expect("good"), User { id, password, quota: None });
    }
    let fresh = || {
        let world = World::new(None);
        world.shared.reload(None, Some(users.clone()));
        world
    };
    let known = ["ada", "bob"].map(|name| checks(&fresh(), name));
    assert_ne!(known[0], known[1]);
    let mut met = [false; 2];
    for name in UNKNOWN {
        let first = checks(&fresh(), name);
        let whose = known.iter().position(|known| *known == first);
        met[whose.unwrap_or_else(|| panic!("{name:?} costs {first:?}, as nobody does"))] = true;
        assert_eq!(checks(&fresh(), name), first, "{name:?} costs something else the next time");
    }
    assert_eq!(met, [true; 2], "one of the costs tells that a name is known");
}
