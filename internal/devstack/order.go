package devstack

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An Order tells the sample CRM how to answer the leads of a path from now on.
// The zero value is Healthy.
type Order struct {
	answer Answer
	text   string
}

// Healthy is the usual answer: 204 for a lead, 400 for a body that is none.
const Healthy = "healthy"

const (
	usualPause = 30 * time.Second // of a 429
	usualDelay = 5 * time.Second  // of slow
	longest    = 24 * time.Hour   // of both
)

// ParseOrder reads an order as people write it:
//
//	healthy
//	401, or any status from 200 to 599
//	429 30s, or 503 30s: with Retry-After; 429 alone means 30s
//	slow 5s: 204 after that time; slow alone means 5s
//	hang: no answer, until the client gives up
//
// The error says what can be written.
func ParseOrder(text string) (Order, error) {
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 0 || len(words) > 2 {
		return Order{}, errOrder
	}
	var span time.Duration
	if len(words) == 2 {
		var err error
		if span, err = time.ParseDuration(words[1]); err != nil || span <= 0 || span > longest {
			return Order{}, fmt.Errorf("%q is no time: write it as 30s or 5m, at most 24h", words[1])
		}
	}
	return order(words[0], span)
}

var errOrder = errors.New("an answer is healthy, a status from 200 to 599 such as 401, 429 with a time such as 30s, slow with a time, or hang")

// order makes an order of its first word; a span of zero was not given.
func order(word string, span time.Duration) (Order, error) {
	if word == "slow" {
		if span == 0 {
			span = usualDelay
		}
		return Order{answer: Answer{After: span}, text: word + " " + brief(span)}, nil
	}
	status, notNumber := strconv.Atoi(word)
	mayPause := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
	switch {
	case span != 0 && !mayPause:
		return Order{}, errors.New("a time goes with slow, and with 429 and 503, which send it as Retry-After")
	case word == Healthy:
		return Order{}, nil
	case word == "hang":
		return Order{answer: Answer{Never: true}, text: word}, nil
	case notNumber != nil || status < 200 || status > 599:
		return Order{}, errOrder
	case status == http.StatusTooManyRequests && span == 0:
		span = usualPause
	}
	return statusOrder(status, span), nil
}

func statusOrder(status int, pause time.Duration) Order {
	o := Order{answer: Answer{Status: status}, text: strconv.Itoa(status)}
	if pause > 0 {
		seconds := int64((pause + time.Second - 1) / time.Second)
		o.answer.Header = http.Header{"Retry-After": {strconv.FormatInt(seconds, 10)}}
		o.text += " " + brief(pause)
	}
	return o
}

// String is the order as ParseOrder takes it, times written out.
func (o Order) String() string {
	if o.text == "" {
		return Healthy
	}
	return o.text
}

func (o Order) healthy() bool { return o.text == "" }

// brief is a time without the zeros at its end: 5m, not 5m0s.
func brief(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
