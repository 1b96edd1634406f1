package config

import (
	"fmt"
	"time"
)

// Limits of the waits in Kafka. The least is also how fine a wait may be, since
// the name of a topic has room for no finer one. The longest schedule has fewer
// steps than lead.Mark has room for between a delivery and its replay.
const (
	leastWait    = 100 * ms
	mostWait     = 7 * day
	mostDelays   = 20
	mostSchedule = 12

	// coarsest is how many times as long as one delay the next one may be: a
	// wait between them goes through the topic of the shorter one so often.
	coarsest = 12
)

// delays are those of the retry topics.
func delays(field *[]time.Duration) value {
	return waits(field, "ascending", mostDelays, func(before, wait time.Duration) error {
		switch {
		case wait <= before:
			return fmt.Errorf("%s after %s: each must be longer than the one before",
				showDuration(wait), showDuration(before))
		case wait > coarsest*before:
			return fmt.Errorf("%s after %s: each may be %d times as long as the one before, at most",
				showDuration(wait), showDuration(before), coarsest)
		}
		return nil
	})
}

// schedule is the waits of one delivery.
func schedule(field *[]time.Duration) value {
	return waits(field, "not descending", mostSchedule, func(before, wait time.Duration) error {
		return unless(wait >= before, fmt.Sprintf("%s after %s: none may be shorter than the one before",
			showDuration(wait), showDuration(before)))
	})
}

// waits are one wait after the other; follows says what is wrong with one after
// the one before it.
func waits(field *[]time.Duration, order string, most int, follows func(before, wait time.Duration) error) value {
	var all []time.Duration
	elements := list(&all, "duration", parseWait, showDuration, 1)
	kind := fmt.Sprintf("%s, %s, at most %d, each %s to %s",
		elements.kind, order, most, showDuration(leastWait), showDuration(mostWait))
	return value{kind: kind, list: true, set: func(text string) (string, error) {
		shown, err := elements.set(text)
		if err != nil {
			return "", err
		}
		for i := 1; i < len(all); i++ {
			if err := follows(all[i-1], all[i]); err != nil {
				return "", err
			}
		}
		if len(all) > most {
			return "", fmt.Errorf("%d are too many: at most %d", len(all), most)
		}
		*field = all
		return shown, nil
	}}
}

func parseWait(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	switch {
	case err != nil:
		return 0, err
	case d < leastWait:
		return 0, fmt.Errorf("%s is too little: at least %s", s, showDuration(leastWait))
	case d > mostWait:
		return 0, fmt.Errorf("%s is too much: at most %s", s, showDuration(mostWait))
	case d%leastWait != 0:
		return 0, fmt.Errorf("%s is too fine: want whole tenths of a second", s)
	}
	return d, nil
}

// waitRules: no wait of the schedule takes longer than it says, nor through
// many topics.
func waitRules(r *Retry) []rule {
	keys := []string{"retry.delays", "retry.schedule"}
	first, last := r.Delays[0], r.Delays[len(r.Delays)-1]
	shortest, longest := r.Schedule[0], r.Schedule[len(r.Schedule)-1]
	return []rule{
		{keys, unless(first <= shortest,
			fmt.Sprintf("begins with %s, so that the first wait of retry.schedule, %s, would take that long",
				showDuration(first), showDuration(shortest)))},
		{keys, unless(last >= longest/coarsest,
			fmt.Sprintf("ends with %s, so that the last wait of retry.schedule, %s, would go through that topic more than %d times",
				showDuration(last), showDuration(longest), coarsest))},
		{[]string{"retry.expire", "retry.schedule"}, unless(r.Expire >= shortest,
			fmt.Sprintf("%s is too little: at least the first wait of retry.schedule, which is %s",
				showDuration(r.Expire), showDuration(shortest)))},
	}
}
