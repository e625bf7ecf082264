//! Whether a set-up is sound, and whose what is made is.

use super::*;

#[test]
fn a_sound_set_up_is_found_sound_and_each_fault_is_named() {
    let site = Site::new();
    let check = |site: &Site| {
        let (result, script) = site.person("check", &[]);
        (result.is_ok(), script.out)
    };
    let (sound, out) = check(&site);
    assert!(
        !sound
            && out.contains("c.pem: the certificate cannot be read")
            && out.contains("problem  data folder"),
        "{out}"
    );
    site.sound_certificate();
    site.script("create alice --password-file @password").expect("created");
    let (sound, out) = check(&site);
    assert!(sound && out.lines().all(|line| line.starts_with("ok  ")), "{out}");

    let chmod = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod")
    };
    for (path, bad, good) in [
        ("k.pem", 0o640, 0o600),
        ("var", 0o777, 0o700),
        ("var/users", 0o755, 0o700),
        ("var/users/alice", 0o750, 0o700),
        ("var/users/alice/home", 0o755, 0o700),
        ("var/users.ron", 0o644, 0o600),
    ] {
        let path = site.path(path);
        chmod(&path, bad);
        let (sound, out) = check(&site);
        assert!(
            !sound && out.lines().any(|line| line.starts_with("problem") && line.contains("chmod")),
            "{out}"
        );
        chmod(&path, good);
    }
    std::fs::create_dir(site.path("var/users/.purge-bob-1")).expect("made");
    assert!(!check(&site).0);
    std::fs::write(site.path("ftp-daemon.ron"), "(lisen: [])").expect("written");
    let (sound, out) = check(&site);
    assert!(!sound && out.contains("did you mean `listen`?"), "{out}");
}

impl Site {
    fn sound_certificate(&self) {
        let request = crate::cert::CertRequest {
            out: self.path("certs"),
            names: vec!["ftp.example".to_owned()],
            ips: Vec::new(),
            days: 397,
            force: false,
            new_ca: false,
        };
        crate::cert::make(&request).expect("made");
        for (from, to) in [("certs/server.pem", "c.pem"), ("certs/server.key", "k.pem")] {
            std::fs::rename(self.path(from), self.path(to)).expect("moved");
        }
    }
}

#[test]
fn what_root_makes_belongs_to_the_daemons_user() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let site = Site::new();
    std::fs::create_dir(site.path("var")).expect("made");
    std::os::unix::fs::chown(site.path("var"), Some(4711), Some(4712)).expect("chown");
    site.script("create alice --password-file @password").expect("created");
    for path in ["users.ron", "users", "users/alice", "users/alice/home", "users/alice/parts"] {
        let stat = std::fs::metadata(site.path("var").join(path)).expect("made");
        assert_eq!((stat.uid(), stat.gid()), (4711, 4712), "{path}");
    }
}

#[test]
fn what_the_daemon_cannot_get_into_is_told() {
    let site = Site::new();
    site.sound_certificate();
    site.script("create alice --password-file @password").expect("created");
    let home = site.path("var/users/alice/home");
    std::fs::create_dir_all(home.join("a/b")).expect("made");
    std::fs::create_dir_all(home.join("c")).expect("made");
    let folders = ["", "a", "a/b", "c"].map(|name| home.join(name));
    let above = ["var", "var/users.ron", "var/users", "var/users/alice", "var/users/alice/parts"];
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        // To root nothing is shut.
        for path in above.map(|name| site.path(name)).iter().chain(&folders) {
            std::os::unix::fs::chown(path, Some(4711), Some(4712)).expect("chown");
        }
    }
    let problem = || {
        let (result, script) = site.person("check", &[]);
        let problem = script.out.lines().find(|line| line.starts_with("problem")).map(str::to_owned);
        assert_eq!(result.is_ok(), problem.is_none(), "{}", script.out);
        problem.unwrap_or_default()
    };
    assert_eq!(problem(), "");
    let chmod = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
    };
    chmod(&folders[2], 0o300);
    let told = problem();
    assert!(told.contains("alice/home/a/b cannot be listed by the daemon, so nobody can log in"), "{told}");
    chmod(&folders[3], 0o600);
    let told = problem();
    assert!(told.contains("cannot be listed by the daemon, nor can 1 more, so"), "{told}");
    folders.iter().for_each(|path| chmod(path, 0o700));
    if is_root {
        // A folder of somebody else's that may be read is no hindrance, one that may not be is; and the home itself is the daemon's.
        std::os::unix::fs::chown(&folders[2], Some(0), Some(0)).expect("chown");
        let told = problem();
        assert!(told.contains("a/b cannot be listed") && told.contains("chown -R 4711:4712"), "{told}");
        chmod(&folders[2], 0o755);
        assert_eq!(problem(), "");
        std::os::unix::fs::chown(&home, Some(0), Some(0)).expect("chown");
        let told = problem();
        assert!(told.contains("alice/home belongs to uid 0, so the daemon does not get in"), "{told}");
        std::os::unix::fs::chown(&home, Some(4711), Some(4712)).expect("chown");
    }
    chmod(&home, 0o500);
    let told = problem();
    assert!(told.contains("alice/home has mode 500, so the daemon cannot work in it"), "{told}");
    chmod(&home, 0o700);
    assert_eq!(problem(), "");
}

#[test]
fn what_a_login_stumbles_over_is_told_and_hides_no_other_account() {
    let site = Site::new();
    site.sound_certificate();
    for name in ["alice", "bob"] {
        site.script(&format!("create {name} --password-file @password")).expect("created");
    }
    let (home, parts) = (site.path("var/users/alice/home"), site.path("var/users/alice/parts"));
    std::fs::write(site.path("var/users/bob/home/f"), "12345").expect("written");
    let problem = || {
        let (result, script) = site.person("check", &[]);
        assert!(result.is_err(), "{}", script.out);
        script.out.lines().find(|line| line.starts_with("problem")).expect("one").to_owned()
    };
    std::fs::create_dir(parts.join("d")).expect("made");
    let told = problem();
    assert!(told.contains("alice/parts/d is a directory among unfinished uploads"), "{told}");
    std::fs::remove_dir(parts.join("d")).expect("there");

    // As deep as the daemon counts, and a level more.
    let deep = (0..128).fold(home.clone(), |path, _| path.join("d"));
    std::fs::create_dir_all(&deep).expect("made");
    assert!(site.script("check").is_ok() && site.script("view").is_ok());
    std::fs::create_dir(deep.join("d")).expect("made");
    assert!(problem().contains("alice/home: directories are nested more than 128 deep"));
    let mut script = Script::default();
    let (_, told) = failed(site.say("view", &mut script).map(|()| String::new()));
    assert!(told.contains("1 account could not be counted"), "{told}");
    assert!(script.err.contains("what alice has: directories are nested more than 128"), "{}", script.err);
    assert!(script.out.contains("\nbob\t5\t") && !script.out.contains("alice"), "{}", script.out);
    assert!(failed(site.script("view alice")).1.contains("nested"));

    let trees = site.path("var/users/alice/trees");
    std::fs::write(&trees, "").expect("written");
    std::fs::remove_dir(deep.join("d")).expect("there");
    let told = problem();
    assert!(told.contains("alice/trees is not a folder; move it away"), "{told}");
    std::fs::remove_file(&trees).expect("there");

    std::fs::remove_dir_all(&home).expect("there");
    symlink(site.path("var"), &home).expect("made");
    let told = problem();
    assert!(told.contains("alice/home is not a folder"), "{told}");
    let mut script = Script::default();
    assert!(site.say("view --json", &mut script).is_err() && script.out.contains("bob"), "{}", script.err);
}

#[test]
fn a_config_that_is_not_there_is_named() {
    let file = Config::load(Path::new("/nowhere/ftp-daemon.ron")).map_err(Failure::from);
    assert!(failed(file).1.contains("/nowhere/ftp-daemon.ron"));
}
