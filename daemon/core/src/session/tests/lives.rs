//! Long random lives of logins, requests and changes of accounts, against a model of a few lines. `LOGIN_SEQUENCES` says how many.

use super::*;

/// Who is logged in, by the rules as one would say them.
struct Model {
    user: Option<usize>,
    /// Of each user: how often the password was changed.
    changes: [u64; 2],
    /// Tokens: whose, after how many changes, and the text; ended ones are taken out.
    tokens: Vec<(usize, u64, Value)>,
    mine: Option<Value>,
    failures: u32,
}

const USERS: [&str; 2] = ["ada", "bob"];

/// One life: a connection after another, each with an address of its own.
struct Life<'a> {
    world: &'a World,
    peer: Peer,
    model: Model,
    dice: Dice,
    addresses: u32,
    /// The accounts in the world.
    accounts: [User; 2],
    logins: usize,
    refusals: usize,
}

impl Life<'_> {
    fn connect(&mut self) {
        self.addresses += 1;
        self.peer = self.world.connect_from(Ipv4Addr::from_bits(0x0a00_0000 + self.addresses));
        (self.model.user, self.model.mine, self.model.failures) = (None, None, 0);
    }

    fn login(&mut self, members: Value, user: Option<usize>) {
        // From the third failure on an address may have to wait; that is another test's.
        if self.model.failures == 3 {
            self.connect();
        }
        let mut request = members;
        request["op"] = "login".into();
        self.peer.got.clear();
        request["id"] = 50.into();
        self.peer.ask(request.clone());
        if self.model.user.is_some() {
            assert_eq!(self.peer.word(50).as_deref(), Some("bad_request"), "{request}");
            return;
        }
        self.peer.pass(Duration::from_millis(300));
        let word = self.peer.word(50).unwrap_or_default();
        match user {
            Some(user) => {
                assert_eq!(word, "ok", "{request}");
                let reply = self.peer.reply_to_login();
                assert_eq!(reply["ok"]["user"], USERS[user]);
                let token = reply["ok"]["token"].clone();
                self.model.tokens.push((user, self.model.changes[user], token.clone()));
                (self.model.user, self.model.mine) = (Some(user), Some(token));
                self.logins += 1;
            }
            None => {
                let says_nothing = request.get("password").is_none() && request.get("token").is_none();
                let want = if says_nothing { "bad_request" } else { "login_refused" };
                assert_eq!(word, want, "{request} after {} failures", self.model.failures);
                self.model.failures += u32::from(want == "login_refused");
                self.refusals += 1;
            }
        }
    }

    fn log_in_somehow(&mut self) {
        let user = self.dice.below(2);
        match self.dice.below(10) {
            0 => self.login(json!({"user": USERS[user], "password": "secret"}), Some(user)),
            1 => {
                let wrong = self.dice.one_of(&["", "Secret", "secret ", "secre", "secret\0", "*"]);
                self.login(json!({"user": USERS[user], "password": wrong}), None);
            }
            2 => {
                let nobody = self.dice.one_of(&["", "nobody", "ADA", "ada ", "ada\0", "../ada", "root"]);
                self.login(json!({"user": nobody, "password": "secret"}), None);
            }
            3 => self.login(json!({"user": USERS[user]}), None),
            4 => {
                let made_up = self.dice.one_of(&["", "0", "null", "secret"]);
                self.login(json!({"user": USERS[user], "token": made_up}), None);
            }
            _ if self.model.tokens.is_empty() => {
                self.login(json!({"user": USERS[user], "password": "secret"}), Some(user));
            }
            _ => {
                let (owner, changes, token) =
                    self.model.tokens[self.dice.below(self.model.tokens.len())].clone();
                let good = owner == user && changes == self.model.changes[owner];
                self.login(json!({"user": USERS[user], "token": token}), good.then_some(user));
            }
        }
    }

    fn ask_something(&mut self) {
        let user = self.dice.below(2);
        let own = format!("/only-{}-has-this", USERS[user]);
        let request = match self.dice.below(5) {
            0 => json!({"op": "stat", "path": own}),
            1 => json!({"op": "list", "path": "/"}),
            2 => json!({"op": "get", "path": own}),
            3 => json!({"op": "sum", "path": own}),
            _ => json!({"op": "info"}),
        };
        let word = self.peer.try_word(request.clone()).expect("an answer");
        let of_user = request.get("path").is_some_and(|path| *path == own);
        let want = match self.model.user {
            None => "not_logged_in",
            Some(me) if of_user && me != user => "not_found",
            Some(_) if request["op"] == "get" => "begin",
            Some(_) => "ok",
        };
        assert_eq!(word, want, "{request} of {:?}", self.model.user);
        for frame in &self.peer.got {
            if let (Frame::Message(json), Some(me)) = (frame, self.model.user) {
                let (text, other) = (String::from_utf8_lossy(json), USERS[1 - me]);
                // Not the bare name: in hexadecimal there can be an 'ada' by chance.
                let told =
                    [format!("\"{other}\""), format!("only-{other}-")].iter().any(|it| text.contains(it));
                assert!(want == "not_found" || !told, "{text} to {}", USERS[me]);
            }
        }
    }

    fn change_an_account(&mut self) {
        let user = self.dice.below(2);
        // Another quota ends nothing; another password, though of the same word, does.
        let is_over = self.dice.below(2) == 0;
        let account = &mut self.accounts[user];
        account.quota = account.quota.map(|quota| quota + 1);
        if is_over {
            account.password = super::user(0, None).password;
            self.model.changes[user] += 1;
        }
        let named = |(name, account): (&str, &User)| (UserName::new(name).expect("good"), account.clone());
        let users = Users { users: USERS.into_iter().zip(&self.accounts).map(named).collect() };
        self.world.shared.reload(None, Some(users));
        self.peer.tell(Event::AccountsChanged);
        let is_out = is_over && self.model.user == Some(user);
        assert_eq!(self.peer.closed, is_out, "out at once, and nobody else");
        if self.peer.closed {
            self.connect();
        }
    }

    fn step(&mut self) {
        match self.dice.below(20) {
            0..7 => self.log_in_somehow(),
            7..16 => self.ask_something(),
            16..18 => {
                let want = if self.model.user.is_some() { "ok" } else { "not_logged_in" };
                assert_eq!(self.peer.try_word(json!({"op": "logout"})).as_deref(), Some(want));
                if let Some(mine) = self.model.mine.take() {
                    // It ends with the logout: from now on it is one of those that do not hold.
                    let ended = self.model.tokens.iter_mut().filter(|(_, _, token)| *token == mine);
                    ended.for_each(|(_, changes, _)| *changes = u64::MAX);
                }
                self.model.user = None;
            }
            18 => self.change_an_account(),
            _ => self.connect(),
        }
    }
}

impl Peer {
    fn reply_to_login(&mut self) -> Value {
        let replies = self.got.iter().filter_map(|frame| match frame {
            Frame::Message(json) => serde_json::from_slice::<Value>(json).ok(),
            Frame::Chunk(_) => None,
        });
        replies.into_iter().find(|reply| reply["re"] == 50).expect("an answer")
    }
}

#[test]
fn whatever_came_before_only_who_logged_in_is_let_at_files_and_only_at_his_own() {
    let world = World::new(Some(1 << 20));
    for (id, name) in (5..).zip(USERS) {
        let mut peer = world.login(name);
        let stored = peer.put(id, &format!("/only-{name}-has-this"), name.as_bytes());
        assert!(stored["ok"].is_object(), "{stored}");
    }
    let accounts = [user(1, Some(1 << 20)), user(2, Some(1 << 20))];
    let model = Model { user: None, changes: [0; 2], tokens: Vec::new(), mine: None, failures: 0 };
    let (peer, dice) = (world.connect(), Dice::new(0));
    let mut life = Life { world: &world, peer, model, dice, addresses: 0, accounts, logins: 0, refusals: 0 };
    life.change_an_account();
    let sequences = count("LOGIN_SEQUENCES", 1000);
    for seed in 0..sequences {
        life.dice = Dice::new(seed as u64);
        life.model.tokens.retain(|(user, changes, _)| *changes == life.model.changes[*user]);
        life.connect();
        for step in 0..20 {
            if life.peer.closed {
                panic!("closed before step {step} of {seed}");
            }
            life.step();
        }
    }
    println!("trials: {sequences}");
    println!("{sequences} lives: {} logins, {} refused", life.logins, life.refusals);
    assert!(life.logins > sequences && life.refusals > sequences / 2);
}
