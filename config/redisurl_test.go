package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/config"
)

func TestRedisURLIsTakenApart(t *testing.T) {
	for _, c := range []struct {
		url            string
		addrs          string
		db             int
		tls            bool
		user, password string
		shown          string
	}{
		{url: "redis://redis", addrs: "redis:6379", shown: "redis://redis:6379/0"},
		{url: "redis://redis/", addrs: "redis:6379", shown: "redis://redis:6379/0"},
		{url: "rediss://redis:6380/3", addrs: "redis:6380", db: 3, tls: true, shown: "rediss://redis:6380/3"},
		{url: "redis://:p%40ss%2F@redis", addrs: "redis:6379", password: "p@ss/", shown: "redis://***@redis:6379/0"},
		{url: "redis://me:p@ss@redis", addrs: "redis:6379", user: "me", password: "p@ss", shown: "redis://***@redis:6379/0"},
		{url: "redis://[::1]:1", addrs: "[::1]:1", shown: "redis://[::1]:1/0"},
		{url: "redis://[::1]", addrs: "[::1]:6379", shown: "redis://[::1]:6379/0"},
		{url: "redis://me:x@a,b:2,[::1]:3/0", addrs: "a:6379 b:2 [::1]:3", user: "me", password: "x",
			shown: "redis://***@a:6379,b:2,[::1]:3/0"},
	} {
		mode := "LEADHOOK_REDIS_MODE=single"
		if strings.Contains(c.url, ",") {
			mode = "LEADHOOK_REDIS_MODE=cluster"
		}
		loaded := load(t, "", mode, "LEADHOOK_REDIS_URL="+c.url)
		got := loaded.Config.Redis
		want := got
		want.Addrs, want.DB, want.TLS.Enabled = strings.Fields(c.addrs), c.db, c.tls
		want.Username = c.user
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.url, diff)
		}
		if got := got.Password.Reveal(); got != c.password {
			t.Errorf("%s has password %q, want %q", c.url, got, c.password)
		}
		if got := setting(t, loaded, "redis.url").Value; got != c.shown {
			t.Errorf("%s shows as %s, want %s", c.url, got, c.shown)
		}
	}
}

func TestRedisURLsThatAreRefused(t *testing.T) {
	for _, url := range []string{
		"", "redis", "redis:6379", "redis://", "redis:///0", "http://redis", "unix:///run/redis.sock", "redis://redis:port",
		"redis://redis/one", "redis://redis/-1", "redis://redis/0/1", "redis://redis?db=1", "redis://redis#x",
		"redis://%zz@redis", "redis://a b", "redis://redis,", "redis://***@redis", "redis://u:***@redis", "redis://redis:70000",
	} {
		if _, err := config.Load("", []string{"LEADHOOK_REDIS_URL=" + url}); err == nil {
			t.Errorf("%q is taken for a Redis URL", url)
		}
	}
}

func TestPasswordsFromFiles(t *testing.T) {
	dir := t.TempDir()
	c := load(t, "", "LEADHOOK_REDIS_URL=redis://me@redis",
		"LEADHOOK_REDIS_PASSWORD_FILE="+secretFile(t, dir, "redis", " one \r\n"),
		"LEADHOOK_REDIS_MODE=sentinel", "LEADHOOK_REDIS_SENTINEL_MASTER=m",
		"LEADHOOK_REDIS_SENTINEL_PASSWORD_FILE="+secretFile(t, dir, "sentinel", "two"),
		"LEADHOOK_KAFKA_SASL_MECHANISM=plain", "LEADHOOK_KAFKA_SASL_USERNAME=u",
		"LEADHOOK_KAFKA_SASL_PASSWORD_FILE="+secretFile(t, dir, "kafka", "three\n")).Config
	got := []string{c.Redis.Password.Reveal(), c.Redis.SentinelPassword.Reveal(), c.Kafka.SASL.Password.Reveal()}
	if diff := cmp.Diff([]string{" one ", "two", "three"}, got); diff != "" {
		t.Errorf("passwords (-want +got):\n%s", diff)
	}
}

func TestPasswordFileBesideAPasswordIsAFault(t *testing.T) {
	file := secretFile(t, t.TempDir(), "password", "hunter22")
	for _, other := range []string{"LEADHOOK_REDIS_PASSWORD=x", "LEADHOOK_REDIS_URL=redis://:x@redis"} {
		_, err := config.Load("", []string{"LEADHOOK_REDIS_PASSWORD_FILE=" + file, other})
		if err == nil || !strings.HasPrefix(err.Error(), "LEADHOOK_REDIS_PASSWORD_FILE: redis.password_file: already given") {
			t.Errorf("beside %s: got %v, want a fault of redis.password_file", other, err)
		}
	}
	empty := secretFile(t, t.TempDir(), "empty", "\n")
	if _, err := config.Load("", []string{"LEADHOOK_REDIS_PASSWORD_FILE=" + empty}); err == nil {
		t.Error("an empty password file was taken")
	}
}

// A variable takes back what the file says, so that the password can come
// another way.
func TestVariableTakesBackAPasswordFile(t *testing.T) {
	file := write(t, "redis: {password_file: /no/such/file}")
	c := load(t, file, "LEADHOOK_REDIS_PASSWORD_FILE=", "LEADHOOK_REDIS_PASSWORD=x").Config
	if got := c.Redis.Password.Reveal(); got != "x" {
		t.Errorf("password is %q, want x", got)
	}
}
