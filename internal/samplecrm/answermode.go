package samplecrm

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An AnswerMode is how the sample CRM answers the leads of a path. The zero value is
// Healthy.
type AnswerMode struct {
	answer Answer
	system system // of a real system, in place of answer; nil: none
	text   string
}

// Healthy is the usual mode: 204 to a lead, and 400 to a body that is not a lead.
const Healthy = "healthy"

const (
	usualPause = 30 * time.Second // the Retry-After of 429
	usualDelay = 5 * time.Second  // of slow
	longest    = 24 * time.Hour   // limit of both
)

// ParseAnswerMode parses the form in which people write an answer mode:
//
//	healthy
//	401, or any status from 200 to 599
//	429 30s, or 503 30s: with Retry-After; 429 alone stands for 429 30s
//	slow 5s: 204 after that time; slow alone stands for slow 5s
//	hang: no answer until the client gives up
//	zoho, or another of [Systems]: as that system answers; soap-fault 200: with that status
//
// The error says what can be written.
func ParseAnswerMode(text string) (AnswerMode, error) {
	words := strings.Fields(strings.ToLower(text))
	if m, ok := systemMode(strings.Join(words, " ")); ok {
		return m, nil
	}
	if len(words) == 0 || len(words) > 2 {
		return AnswerMode{}, errAnswerMode
	}
	var span time.Duration
	if len(words) == 2 {
		var err error
		if span, err = time.ParseDuration(words[1]); err != nil || span <= 0 || span > longest {
			return AnswerMode{}, fmt.Errorf("%q is not a time: write it as 30s or 5m, at most 24h", words[1])
		}
	}
	return newMode(words[0], span)
}

var errAnswerMode = errors.New("an answer is healthy, a status from 200 to 599 such as 401, 429 with a time such as 30s, slow with a time, hang, or " + strings.Join(Systems(), ", "))

// newMode returns the mode of that word. A span of zero means that none was given.
func newMode(word string, span time.Duration) (AnswerMode, error) {
	if word == "slow" {
		if span == 0 {
			span = usualDelay
		}
		return AnswerMode{answer: Answer{After: span}, text: word + " " + brief(span)}, nil
	}
	status, notNumber := strconv.Atoi(word)
	mayPause := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
	switch {
	case span != 0 && !mayPause:
		return AnswerMode{}, errors.New("a time goes with slow, and with 429 and 503, which send it as Retry-After")
	case word == Healthy:
		return AnswerMode{}, nil
	case word == "hang":
		return AnswerMode{answer: Answer{Never: true}, text: word}, nil
	case notNumber != nil || status < 200 || status > 599:
		return AnswerMode{}, errAnswerMode
	case status == http.StatusTooManyRequests && span == 0:
		span = usualPause
	}
	return statusMode(status, span), nil
}

func statusMode(status int, pause time.Duration) AnswerMode {
	m := AnswerMode{answer: Answer{Status: status}, text: strconv.Itoa(status)}
	if pause > 0 {
		seconds := int64((pause + time.Second - 1) / time.Second)
		m.answer.Header = http.Header{"Retry-After": {strconv.FormatInt(seconds, 10)}}
		m.text += " " + brief(pause)
	}
	return m
}

// String returns the mode in the form of ParseAnswerMode, with its time.
func (m AnswerMode) String() string {
	if m.text == "" {
		return Healthy
	}
	return m.text
}

func (m AnswerMode) healthy() bool { return m.text == "" }

// brief formats a time without zeros at its end: 5m, not 5m0s.
func brief(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
