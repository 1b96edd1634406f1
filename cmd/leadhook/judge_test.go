package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/internal/samplecrm"
)

func TestATestSaysWhatTheAnswerCountsAs(t *testing.T) {
	t.Parallel()
	crm := &answers{}
	r := newRig(t, setup{answer: crm.answer})
	with, without := r.hook("with", r.name("USA_1")), r.hook("without", r.name("USA_1"))
	with.Answers = ruled()
	r.seed(with, without)
	for _, tc := range []struct {
		hook   hook
		answer samplecrm.Answer
		code   int
		want   []string
	}{
		{with, samplecrm.Answer{Status: 200, Body: `{"success":false,"error":"The field postal is required"}`}, exitFailed, []string{
			"words     The field postal is required\n", "counts as refused, by the webhook's answers.body, rule 1\n",
			"Your CRM answered 200 OK: by the webhook's answers, it did not take the test lead.\n", "would become a dead letter at once"}},
		{with, samplecrm.Answer{Status: 200, Body: `{"success":true,"id":4711}`}, 0, []string{"record    4711\n", "counts as delivered, by the webhook's answers.body, rule 2\n"}},
		{with, samplecrm.Answer{Status: 204}, exitFailed, []string{"counts as transient, by the webhook's answers.body, rule 3\n", "it wants the test lead again later", "tried again within seconds"}},
		{without, samplecrm.Answer{Status: 200, Body: `{"success":false}`}, 0, []string{"counts as delivered with doubt, by its status, although it says failure"}},
		{without, samplecrm.Answer{Status: 200}, 0, []string{"counts as delivered, by its status\n", "it took the test lead"}},
		{without, samplecrm.Answer{Status: 401}, exitFailed, []string{"counts as needs human, by its status\n"}},
	} {
		crm.on(tc.hook, tc.answer)
		if got := r.leadhook("", "webhooks", "test", tc.hook.ID); got.code != tc.code || !containsAll(got.out, tc.want...) {
			t.Errorf("%+v: got exit code %d, want %d and %q:\n%s%s", tc.answer, got.code, tc.code, tc.want, got.out, got.errs)
		}
	}
}

func TestARecordedAnswerIsJudged(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	h := r.hook("crm", r.name("USA_1"))
	h.Answers = ruled()
	r.seed(h)
	for _, tc := range []struct {
		answer string
		code   int
		want   string
	}{
		{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"success\":true}\n", 0, "counts as delivered, by the webhook's answers.body, rule 2\n"},
		{"HTTP/2 200 \ncontent-type: text/html\n\n{\"success\":false}\n", exitFailed, "counts as refused, by the webhook's answers.body, rule 1\n"},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"success\":true}\r\n0\r\n\r\n", 0, "rule 2\n"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{\"success\":true}", 0, "rule 2\n"}, // curl has joined it
		{"HTTP/1.1 200 OK\npreload\n\n{\"success\":false}\n", exitFailed, "counts as refused, by the webhook's answers.body, rule 1\n"},
		{"HTTP/1.1 302 Found\nLocation: https://x.example.com/\n\nMoved", exitFailed, "counts as refused, by the webhook's answers.otherwise\n"},
		{"HTTP/1.1 503 x\nRetry-After: 3600\n\n", exitFailed, "A real lead would be tried again after 1h,"},
		{"HTTP/1.1 204", exitFailed, "counts as transient, by the webhook's answers.body, rule 3\n"},
	} {
		file := filepath.Join(t.TempDir(), "answer.txt")
		if err := os.WriteFile(file, []byte(tc.answer), 0o600); err != nil {
			t.Fatal(err)
		}
		got := r.leadhook("", "webhooks", "test", h.ID, "--answer", file)
		if got.code != tc.code || !strings.Contains(got.out, tc.want) || strings.Contains(got.out, "request") || strings.Contains(got.out, "test lead") {
			t.Errorf("%q: got exit code %d, want %d and %q:\n%s%s", tc.answer, got.code, tc.code, tc.want, got.out, got.errs)
		}
	}
	for _, wrong := range []string{"", "200 OK\n\n", "HTTP/1.1 OK\n\n", `{"success":true}`} {
		if got := r.leadhook(wrong, "webhooks", "test", h.ID, "--answer", "-"); got.code != exitFailed || !strings.Contains(got.errs, "it is not an answer") {
			t.Errorf("%q: got exit code %d and %s", wrong, got.code, got.errs)
		}
	}
	if got := r.leadhook("", "webhooks", "test", h.ID, "--answer", "-", "--print"); got.code != exitUsage {
		t.Errorf("--answer and --print: got exit code %d, want 2", got.code)
	}
	if n := len(r.crm.Posts()); n != 0 {
		t.Errorf("the CRM got %d POSTs", n)
	}
}
