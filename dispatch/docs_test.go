package dispatch_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

func receivers(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/receivers.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// receiverRows returns the cells of the table in docs/receivers.md that has
// this head.
func receiverRows(t *testing.T, head string) [][]string {
	t.Helper()
	_, table, ok := strings.Cut(receivers(t), "\n"+head+"\n")
	if !ok {
		t.Fatalf("docs/receivers.md has no table %s", head)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var rows [][]string
	for _, row := range strings.Split(table, "\n")[1:] {
		rows = append(rows, strings.Split(strings.Trim(row, "| "), " | "))
	}
	return rows
}

// documented is what docs/receivers.md calls what follows on each status.
func documented(t *testing.T) map[int]string {
	t.Helper()
	status := regexp.MustCompile("(other )?`(\\d)(\\d\\d|xx)`(?: to `(\\d{3})`)?")
	named, others := map[int]string{}, map[int]string{}
	for _, row := range receiverRows(t, "| your status | | what leadhook does |") {
		for _, m := range status.FindAllStringSubmatch(row[0], -1) {
			into, first, last := named, m[2]+m[3], m[2]+m[3]
			if m[3] == "xx" {
				into, first, last = others, m[2]+"00", m[2]+"99"
			}
			if m[4] != "" {
				last = m[4]
			}
			from, _ := strconv.Atoi(first)
			to, _ := strconv.Atoi(last)
			for code := from; code <= to; code++ {
				if into[code] != "" {
					t.Errorf("%d stands there twice", code)
				}
				into[code] = row[1]
			}
		}
	}
	for code, what := range others {
		if named[code] == "" {
			named[code] = what
		}
	}
	return named
}

// TestReceiversSaysWhatEachAnswerMeans asks for every status.
func TestReceiversSaysWhatEachAnswerMeans(t *testing.T) {
	told := documented(t)
	for code := 200; code <= 599; code++ {
		attempts := 0
		bubble(t, dispatch.Options{QuickAttempts: 2}, func(*http.Request) (*http.Response, error) {
			attempts++
			return status(code)
		}, func(t *testing.T, r *rig) {
			r.handle(t, message(call))
			reason := lead.Reason("")
			for _, letter := range r.letters.all() {
				reason = letter.Reason
			}
			if got := meaning(code, attempts, reason); got != told[code] {
				t.Errorf("%d is %s (%d attempts, reason %q); docs/receivers.md says %q", code, got, attempts, reason, told[code])
			}
		})
	}
}

// meaning is docs/receivers.md's word for what came of an answer.
func meaning(code, attempts int, reason lead.Reason) string {
	switch {
	case reason == "":
		return "taken"
	case reason == lead.Gone:
		return "off"
	case reason == lead.Refused:
		return "refused"
	case reason == lead.Exhausted && attempts == 2:
		return "later"
	case reason == lead.Exhausted && code == http.StatusTooManyRequests:
		return "pause"
	case reason == lead.Exhausted:
		return "person"
	}
	return "unheard of"
}

// TestAdvertisersKnowsTheAnswers compares what docs/advertisers.md makes of an
// answer with what follows on it.
func TestAdvertisersKnowsTheAnswers(t *testing.T) {
	text, err := os.ReadFile("../docs/advertisers.md")
	if err != nil {
		t.Fatal(err)
	}
	told, listed := documented(t), 0
	for what, words := range map[string]string{
		"person": "is wrong", "refused": "the new one|is not the one it wants", "off": "switched the webhook off", "later": "try again by ourselves",
	} {
		for row := range strings.Lines(string(text)) {
			if !strings.HasPrefix(row, "| `") || !regexp.MustCompile(words).MatchString(row) {
				continue
			}
			for _, code := range regexp.MustCompile("`(\\d{3})`").FindAllStringSubmatch(row, -1) {
				listed++
				if n, _ := strconv.Atoi(code[1]); told[n] != what {
					t.Errorf("docs/advertisers.md takes %d for %s; it is %q", n, what, told[n])
				}
			}
		}
	}
	if listed != 12 {
		t.Errorf("%d answers found in docs/advertisers.md, want its 12", listed)
	}
}

func TestReceiversNamesTheSchedule(t *testing.T) {
	var waits []string
	for _, wait := range dispatch.DefaultSchedule() {
		text := fmt.Sprintf("%d h", wait/time.Hour)
		if wait < time.Minute {
			text = fmt.Sprintf("%d s", wait/time.Second)
		} else if wait < time.Hour {
			text = fmt.Sprintf("%d min", wait/time.Minute)
		}
		waits = append(waits, text)
	}
	last := len(waits) - 1
	want := "after " + strings.Join(waits[:last], ", ") + " and " + waits[last]
	for _, row := range receiverRows(t, "| your status | | what leadhook does |") {
		if row[1] == "later" && !strings.HasSuffix(row[2], want) {
			t.Errorf("docs/receivers.md says %q, want %q", row[2], want)
		}
	}
}

func TestReceiversTellsTheFigures(t *testing.T) {
	text := receivers(t)
	for _, told := range []string{
		fmt.Sprintf("at first, leadhook closes one after %d seconds without a request", attempt.IdleTimeout/time.Second),
		fmt.Sprintf("%d seconds at most", attempt.MaxIdleTime/time.Second),
		fmt.Sprintf("Of your answer %d KiB are read", attempt.MaxAnswerBody>>10),
	} {
		if !strings.Contains(text, told) {
			t.Errorf("docs/receivers.md does not say %q", told)
		}
	}
}

// TestReceiversListsEveryHeader sends all that there can be.
func TestReceiversListsEveryHeader(t *testing.T) {
	crm := newCRM(t, answer(http.StatusNoContent))
	hook := webhook("w", crm.URL)
	hook.Authorization, hook.SigningSecrets = "token jokin", []lead.Secret{"whsec_bm90LWEtcmVhbC1zZWNyZXQtLS0tb25l"}
	r := newRig(t, options(crm.URL), hooks{hook})
	m := message(call)
	m.Value = []byte(strings.Replace(string(m.Value), `{"adv`, `{"test":true,"adv`, 1))
	m.Headers = []lead.Header{{Key: "traceparent", Value: []byte("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")}}
	r.handle(t, m)
	r.wantDelivered(t)

	var sent, listed []string
	for name := range crm.seen()[0] {
		sent = append(sent, name)
	}
	for _, row := range receiverRows(t, "| header | |") {
		listed = append(listed, http.CanonicalHeaderKey(strings.Trim(row[0], "`")))
	}
	listed = append(listed, "Content-Length") // below the table
	slices.Sort(sent)
	slices.Sort(listed)
	if diff := cmp.Diff(sent, listed); diff != "" {
		t.Errorf("the headers (-sent +docs/receivers.md):\n%s", diff)
	}
}

// TestReceiversShowsASignature makes the signature of the docs' example with
// the reference library; that leadhook's are the same is in TestSignature.
func TestReceiversShowsASignature(t *testing.T) {
	shown := map[string]string{}
	for _, row := range receiverRows(t, "| | |") {
		shown[strings.Trim(row[0], "`")] = strings.Trim(row[1], "`")
	}
	seconds, err := strconv.ParseInt(shown["webhook-timestamp"], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	reference, err := standardwebhooks.NewWebhook(shown["secret"])
	if err != nil {
		t.Fatal(err)
	}
	want, err := reference.Sign(shown["webhook-id"], time.Unix(seconds, 0), []byte(shown["body"]))
	if err != nil || shown["webhook-signature"] != want {
		t.Errorf("docs/receivers.md has the signature %s, want %s (%v)", shown["webhook-signature"], want, err)
	}
}
