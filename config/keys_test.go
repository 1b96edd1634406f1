package config_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/webhook/seal"
)

func TestKeysComeFromListsVariablesAndFiles(t *testing.T) {
	newer, older := seal.NewKey(), seal.NewKey()
	a, b := newer.Reveal(), older.Reveal()
	var both, one = []string{newer.ID(), older.ID()}, []string{newer.ID()}
	keysFile := func(text string) string {
		return "LEADHOOK_SECRETS_KEYS_FILE=" + secretFile(t, t.TempDir(), "keys", text)
	}
	for name, c := range map[string]struct {
		file, variable string
		want           []string
	}{
		"none":                      {"", "LEADHOOK_SECRETS_KEYS=", nil},
		"a list":                    {"secrets: {keys: [" + a + ", " + b + "]}", "LEADHOOK_LOG_LEVEL=info", both},
		"a list of lines":           {"secrets:\n  keys:\n  - " + a + " # newer\n  - " + b + "\n", "LEADHOOK_LOG_LEVEL=info", both},
		"a single value":            {"secrets: {keys: " + a + "}", "LEADHOOK_LOG_LEVEL=info", one},
		"a variable":                {"", "LEADHOOK_SECRETS_KEYS=" + a + ", " + b + ",", both},
		"a variable over the file":  {"secrets: {keys: [" + b + "]}", "LEADHOOK_SECRETS_KEYS=" + a, one},
		"a variable instead of it":  {"secrets: {keys_file: /none, plain: true}", "LEADHOOK_SECRETS_KEYS_FILE=", nil},
		"a file":                    {"", keysFile(a + "\n" + b + "\n"), both},
		"a file without a last end": {"", keysFile(a), one},
		"a file with remarks":       {"", keysFile("\ufeff# the first seals\r\n\r\n  " + a + " # of November\r\n\t\n" + b + "#old"), both},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, key := range load(t, write(t, c.file), c.variable).Config.Secrets.Keys {
				got = append(got, key.ID())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

// Every fault is told, each with its place, and none quotes a key.
func TestFaultsOfKeys(t *testing.T) {
	key := seal.NewKey()
	text := key.Reveal()
	mistyped := text[:20] + "x" + text[21:]
	if text[20] == 'x' {
		mistyped = text[:20] + "y" + text[21:]
	}
	file := secretFile(t, t.TempDir(), "keys", "# keys\n"+text+"\n\nhunter22\n"+text+"\n"+mistyped+"\n")
	empty := secretFile(t, t.TempDir(), "empty", "# none yet\n")
	for name, c := range map[string]struct {
		variables []string
		want      string
	}{
		"in a list": {
			[]string{"LEADHOOK_SECRETS_KEYS=hunter22," + text + "," + mistyped[:50] + "," + text}, `
LEADHOOK_SECRETS_KEYS: secrets.keys: key 1: not a key: a key begins with lhk1_; leadhook secrets new-key makes one
LEADHOOK_SECRETS_KEYS: secrets.keys: key 3: not a whole key: it has 50 characters instead of 53
LEADHOOK_SECRETS_KEYS: secrets.keys: key 4: the same key as key 2`,
		},
		"in a file": {
			[]string{"LEADHOOK_SECRETS_KEYS_FILE=" + file}, `
LEADHOOK_SECRETS_KEYS_FILE: secrets.keys_file: ` + file + `:4: not a key: a key begins with lhk1_; leadhook secrets new-key makes one
LEADHOOK_SECRETS_KEYS_FILE: secrets.keys_file: ` + file + `:5: the same key as ` + file + `:2
LEADHOOK_SECRETS_KEYS_FILE: secrets.keys_file: ` + file + `:6: mistyped or altered: the end of the key does not match the rest`,
		},
		"a file without keys": {
			[]string{"LEADHOOK_SECRETS_KEYS_FILE=" + empty}, `
LEADHOOK_SECRETS_KEYS_FILE: secrets.keys_file: ` + empty + ` has no key`,
		},
		"no file": {
			[]string{"LEADHOOK_SECRETS_KEYS_FILE=testdata/none"}, `
LEADHOOK_SECRETS_KEYS_FILE: secrets.keys_file: open testdata/none: no such file or directory`,
		},
		"a list and a file": {
			[]string{"LEADHOOK_SECRETS_KEYS=" + text, "LEADHOOK_SECRETS_KEYS_FILE=" + file}, `
LEADHOOK_SECRETS_KEYS_FILE: secrets.keys_file: already given in another way (in a URL, by itself or in a file); keep one of them`,
		},
		"what is shown for a key": {
			[]string{"LEADHOOK_SECRETS_KEYS=" + key.String()}, `
LEADHOOK_SECRETS_KEYS: secrets.keys: key 1: *** is what is shown in place of a secret, not the secret itself`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load("", c.variables)
			if err == nil || "\n"+err.Error() != c.want {
				t.Errorf("got\n%v\nwant%s", err, c.want)
			}
			if strings.Contains(fmt.Sprint(err), text[5:12]) {
				t.Errorf("a secret shows in %v", err)
			}
		})
	}
}

func TestKeysAreShownByTheirIDs(t *testing.T) {
	newer, older := seal.NewKey(), seal.NewKey()
	loaded := load(t, "", "LEADHOOK_SECRETS_KEYS="+newer.Reveal()+","+older.Reveal())
	var shown bytes.Buffer
	if err := loaded.Write(&shown); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`keys: ["*** (id %s)", "*** (id %s)"]`, newer.ID(), older.ID())
	if !strings.Contains(shown.String(), want) {
		t.Errorf("want %s in\n%s", want, shown.String())
	}
}
