import json

import pytest
from pydantic import BaseModel

from octyseg import settings as room
from octyseg.errors import SettingsError
from octyseg.hosting.kafka import security_of
from octyseg.settings import Settings, load, show, source_of, without_password


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    for name in list(room.os.environ):
        if name.startswith("OCTYSEG_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_without_any_variable_the_log_is_a_file_of_the_user(tmp_path):
    settings = load()
    assert settings.embedded_file == tmp_path / "octyseg" / "octyseg.db"
    assert settings.kafka_servers == ()
    assert settings.partitions == 8
    assert settings.redis is None


def test_the_environment_wins_over_the_default(monkeypatch):
    monkeypatch.setenv("OCTYSEG_LOG", "kafka://one:9092,two:9093")
    monkeypatch.setenv("OCTYSEG_GRACE_MS", "250")
    settings = load()
    assert settings.kafka_servers == ("one:9092", "two:9093")
    assert settings.embedded_file is None
    assert settings.grace_ms == 250


def test_a_value_is_read_from_the_file_that_its_variable_names(monkeypatch, tmp_path):
    secret = tmp_path / "redis-url"
    secret.write_text("redis://:s3cret@redis:6379/0\n")
    monkeypatch.setenv("OCTYSEG_REDIS_FILE", str(secret))
    assert load().redis == "redis://:s3cret@redis:6379/0"
    assert source_of("redis") == f"file {secret}"


def test_an_unreadable_secret_is_named_with_its_file(monkeypatch, tmp_path):
    monkeypatch.setenv("OCTYSEG_REDIS_FILE", str(tmp_path / "absent"))
    with pytest.raises(SettingsError, match=r"OCTYSEG_REDIS_FILE: cannot read .*absent: No such file"):
        load()


def test_value_and_file_together_are_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("OCTYSEG_REDIS", "redis://x")
    monkeypatch.setenv("OCTYSEG_REDIS_FILE", str(tmp_path / "x"))
    with pytest.raises(SettingsError, match="OCTYSEG_REDIS and OCTYSEG_REDIS_FILE are both set"):
        load()


def test_an_unknown_name_is_refused_with_the_nearest_known_one(monkeypatch):
    monkeypatch.setenv("OCTYSEG_PARTITON", "3")
    with pytest.raises(SettingsError, match=r"OCTYSEG_PARTITON is not a setting: did you mean OCTYSEG_PARTITIONS\?"):
        load()


def test_every_problem_is_told_at_once_one_line_each(monkeypatch):
    monkeypatch.setenv("OCTYSEG_PARTITIONS", "many")
    monkeypatch.setenv("OCTYSEG_LOG", "postgres://x")
    monkeypatch.setenv("OCTYSEG_LOG_LEVEL", "loud")
    with pytest.raises(SettingsError) as raised:
        load()
    lines = str(raised.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["OCTYSEG_LOG", "OCTYSEG_PARTITIONS", "OCTYSEG_LOG_LEVEL"]
    assert lines[0] == "OCTYSEG_LOG: write embedded:///absolute/file.db or kafka://host:port[,host:port]"


@pytest.mark.parametrize("value", ["redis//x", "http://x", "s3cret"])
def test_a_refused_redis_url_is_not_repeated_in_the_message(monkeypatch, value):
    monkeypatch.setenv("OCTYSEG_REDIS", value)
    with pytest.raises(SettingsError) as raised:
        load()
    assert value not in str(raised.value)


@pytest.mark.parametrize("value", ["embedded://relative/x.db", "embedded:///", "kafka://host", "kafka://a:1,,b:2", ""])
def test_a_log_address_that_leads_nowhere_is_refused(monkeypatch, value):
    monkeypatch.setenv("OCTYSEG_LOG", value)
    with pytest.raises(SettingsError, match="OCTYSEG_LOG"):
        load()


@pytest.mark.parametrize("value", ["nan", "inf", "0", "-1"])
def test_a_period_that_is_no_period_is_refused(monkeypatch, value):
    monkeypatch.setenv("OCTYSEG_FLUSH_EVERY_S", value)
    with pytest.raises(SettingsError, match="OCTYSEG_FLUSH_EVERY_S"):
        load()


def test_heartbeats_that_miss_the_session_are_refused(monkeypatch):
    monkeypatch.setenv("OCTYSEG_HEARTBEAT_S", "9")
    with pytest.raises(SettingsError, match="OCTYSEG_HEARTBEAT_S: at most a third of OCTYSEG_SESSION_TIMEOUT_S"):
        load()


def test_every_setting_is_described():
    assert [shown.name for shown in show(load()) if not shown.description] == []


def test_show_tells_the_source_and_masks_the_password(monkeypatch):
    monkeypatch.setenv("OCTYSEG_REDIS", "rediss://user:s3cret@redis:6379/1")
    shown = {line.name: line for line in show(load())}
    assert shown["redis"].value == "rediss://user:***@redis:6379/1"
    assert shown["redis"].source == "environment"
    assert shown["partitions"].source == "default"
    monkeypatch.setenv("OCTYSEG_HISTORY__ENGINE", "clickhouse://user:s3cret@host:8123/")
    assert "s3cret" not in str([line.value for line in show(load())])


def test_whatever_is_set_can_be_shown_to_programs(monkeypatch, tmp_path):
    monkeypatch.setenv("OCTYSEG_HISTORY__DIRECTORY", str(tmp_path))
    monkeypatch.setenv("OCTYSEG_KAFKA__TLS", "true")
    monkeypatch.setenv("OCTYSEG_KAFKA__AUTHORITIES", str(tmp_path / "authorities.pem"))
    monkeypatch.setenv("OCTYSEG_WEBHOOKS__ALLOW_NETWORKS", '["127.0.0.0/8"]')
    shown = {line["name"]: line["value"] for line in json.loads(json.dumps([one._asdict() for one in show(load())]))}
    assert shown["history.directory"] == str(tmp_path)
    assert shown["kafka.authorities"] == str(tmp_path / "authorities.pem")
    assert shown["webhooks.allow_networks"] == ["127.0.0.0/8"]


def test_a_password_in_the_query_is_masked_too():
    assert without_password("unix:///s.sock?db=1&password=abc") == "unix:///s.sock?db=1&password=***"
    assert without_password("redis://host:6379/0") == "redis://host:6379/0"
    assert without_password("redis://:p/w@host") == "redis://:***@host"


@pytest.mark.parametrize(
    ("namespace", "prefix"), [("octyseg.", "octyseg:"), ("shop-eu.", "shop-eu:"), ("a", "a:"), ("a.b_", "a.b:")]
)
def test_keys_in_redis_follow_the_namespace(monkeypatch, namespace, prefix):
    monkeypatch.setenv("OCTYSEG_NAMESPACE", namespace)
    assert load().redis_prefix == prefix
    assert load().topic("events") == namespace + "events"


def test_a_section_is_one_level_of_double_underscores():
    class Inner(BaseModel):
        depth: int = 1

    class Outer(BaseModel):
        inner: Inner = Inner()
        flat: int = 2

    assert list(room._names(Outer)) == ["OCTYSEG_INNER__DEPTH", "OCTYSEG_FLAT"]


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Settings().partitions = 3


def test_how_brokers_let_us_in_is_read_and_passwords_are_not_shown(monkeypatch, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    monkeypatch.setenv("OCTYSEG_KAFKA__TLS", "true")
    monkeypatch.setenv("OCTYSEG_KAFKA__USERNAME", "ada")
    monkeypatch.setenv("OCTYSEG_KAFKA__PASSWORD_FILE", str(secret))
    settings = load()
    assert (settings.kafka.username, settings.kafka.password) == ("ada", "s3cret")
    shown = {one.name: one.value for one in show(settings)}
    assert shown["kafka.password"] == "***"
    assert shown["kafka.mechanism"] == "SCRAM-SHA-512"


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"USERNAME": "ada"}, "username and password go together"),
        ({"AUTHORITIES": "/ca.pem"}, "set OCTYSEG_KAFKA__TLS=true"),
        ({"TLS": "true", "PRIVATE_KEY": "/key.pem"}, "set OCTYSEG_KAFKA__CERTIFICATE"),
        ({"MECHANISM": "GSSAPI"}, "SCRAM-SHA-256"),
    ],
)
def test_what_does_not_belong_together_is_refused(monkeypatch, variables, told):
    for name, value in variables.items():
        monkeypatch.setenv(f"OCTYSEG_KAFKA__{name}", value)
    with pytest.raises(SettingsError, match=told):
        load()


@pytest.mark.parametrize("name", ["AUTHORITIES", "CERTIFICATE"])
def test_a_certificate_that_cannot_be_read_is_named(monkeypatch, tmp_path, name):
    monkeypatch.setenv("OCTYSEG_KAFKA__TLS", "true")
    for path in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        monkeypatch.setenv(f"OCTYSEG_KAFKA__{name}", str(path))
        with pytest.raises(SettingsError, match=f"OCTYSEG_KAFKA__{name}: {path} cannot be used"):
            security_of(load())
        (tmp_path / "empty.pem").touch()
