package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/webhook/seal"
)

func TestTableIsSound(t *testing.T) {
	keys, variables := map[string]bool{}, map[string]bool{}
	for _, sec := range sections(&Config{}) {
		for _, s := range sec.settings {
			if keys[s.key] || variables[s.variable()] {
				t.Errorf("%s is in the table twice", s.key)
			}
			keys[s.key], variables[s.variable()] = true, true
			if s.key != sec.name && !strings.HasPrefix(s.key, sec.name+".") {
				t.Errorf("%s is in section %s", s.key, sec.name)
			}
			if s.meaning == "" || s.value.kind == "" {
				t.Errorf("%s has no meaning or no kind", s.key)
			}
			if fromKubernetes(s.variable(), "x") {
				t.Errorf("%s would be taken for a variable of Kubernetes", s.variable())
			}
		}
	}
}

func TestWhatIsAutoSaysWhatItIs(t *testing.T) {
	loaded, err := Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range loaded.Settings {
		meaning := newLoader(&Config{}).settings[s.Key].meaning
		if want := "; " + s.Value + " with 512MiB."; s.Origin == "derived from memory" && !strings.HasSuffix(meaning, want) {
			t.Errorf("the meaning of %s does not end with %q: %s", s.Key, want, meaning)
		}
	}
}

func TestDefaultsKeepTheRules(t *testing.T) {
	c := Default()
	for _, r := range rules(&c) {
		if r.err != nil {
			t.Errorf("%s: %v", r.keys[0], r.err)
		}
	}
}

// Whatever the secret, wherever it is given: no print of the settings, and no
// fault beside it, has it.
func TestSecretsAreNeverShown(t *testing.T) {
	base := []string{"LEADHOOK_KAFKA_SASL_MECHANISM=plain", "LEADHOOK_KAFKA_SASL_USERNAME=u", "LEADHOOK_KAFKA_SASL_PASSWORD=x",
		"LEADHOOK_REDIS_MODE=sentinel", "LEADHOOK_REDIS_SENTINEL_MASTER=m"}
	tried := 0
	for _, sec := range sections(&Config{}) {
		for _, s := range sec.settings {
			if !s.value.secret {
				continue
			}
			tried++
			rapid.Check(t, func(t *rapid.T) {
				secret := rapid.StringMatching(`[A-Za-z0-9._~!-]{4}hunter22[A-Za-z0-9._~!-]{4}`).Draw(t, "secret")
				if s.key == "secrets.keys" {
					secret = seal.NewKey().Reveal()
				}
				environ := slices.Concat(base, []string{s.variable() + "=" + wrapped(s.key, secret)})
				loaded, err := Load("", environ)
				if err != nil {
					t.Fatalf("%s: %v", s.key, err)
				}
				_, err = Load("", append(environ, "LEADHOOK_HTTP_TIMEOUT=0s", "LEADHOOK_REDIS_TIMEOUT=x"))
				asJSON, _ := json.Marshal(loaded)
				shown := fmt.Sprintf("%v %+v %#v %s %v", loaded, loaded, loaded.Config, asJSON, err) + written(t, loaded)
				if strings.Contains(shown, secret[5:12]) {
					t.Fatalf("%s shows in %s", s.key, shown)
				}
				if !strings.Contains(written(t, loaded), masked) {
					t.Fatalf("%s is not shown as given:\n%s", s.key, written(t, loaded))
				}
			})
		}
	}
	if tried < 5 {
		t.Errorf("the table has %d secrets; there are more", tried)
	}
}

func wrapped(key, secret string) string {
	switch key {
	case "redis.url":
		return "rediss://user:" + secret + "@redis:6379/1"
	case "http.proxy":
		return "http://" + secret + "@proxy:3128"
	}
	return secret
}

func written(t interface{ Fatal(...any) }, loaded Loaded) string {
	var b bytes.Buffer
	if err := loaded.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWrittenDefaultsLoadAsTheDefaults(t *testing.T) {
	var b bytes.Buffer
	if err := WriteDefaults(&b); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "defaults.yaml")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(file, nil)
	if err != nil {
		t.Fatalf("%v\nin:\n%s", err, b.String())
	}
	if diff := cmp.Diff(Default(), loaded.Config, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("defaults, written and loaded (-want +got):\n%s", diff)
	}
	for _, s := range loaded.Settings {
		if !strings.HasPrefix(s.Origin, file) {
			t.Errorf("%s is not in the file: it comes from %s", s.Key, s.Origin)
		}
	}
}

func TestDurationsAndSizesReadAsShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(3650*day)).Draw(t, "duration"))
		d = d.Truncate(rapid.SampledFrom([]time.Duration{1, ms, time.Second, time.Minute, hour, day}).Draw(t, "unit"))
		if got, err := parseDuration(showDuration(d)); got != d || err != nil {
			t.Fatalf("%d ns show as %s, and that reads as %d ns (%v)", d, showDuration(d), got, err)
		}
		n := rapid.IntRange(0, 1<<20).Draw(t, "size") * rapid.SampledFrom([]int{1, 1000, kib, mib}).Draw(t, "unit")
		if got, err := parseSize(showSize(n)); got != n || err != nil {
			t.Fatalf("%d bytes show as %s, and that reads as %d bytes (%v)", n, showSize(n), got, err)
		}
	})
}

func TestDurationsAndSizesAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"10s": 10 * time.Second, "1h30m": 90 * time.Minute, "7d": 7 * day, "1d12h": 36 * hour, "0": 0, "0d": 0, "1.5h": 90 * time.Minute,
	} {
		if got, err := parseDuration(text); got != want || err != nil {
			t.Errorf("%s reads as %v (%v), want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "1.5d", "1d2d", "10", "-1s", "+1s", "1d-1h", "1 d", "999999d", "3000000h", "s"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q reads as %v, want a fault", text, got)
		}
	}
	for text, want := range map[string]int{
		"64KiB": 64 << 10, "1MiB": 1 << 20, "10MB": 10_000_000, "2 GiB": 2 << 30, "4096": 4096, "4096B": 4096, "1kib": 1 << 10, "0": 0,
	} {
		if got, err := parseSize(text); got != want || err != nil {
			t.Errorf("%s reads as %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "KiB", "1.5MiB", "-1", "1K", "1 2KiB", "9999999999GiB", "99999999999999999999"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q reads as %d, want a fault", text, got)
		}
	}
}
