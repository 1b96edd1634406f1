package config

import (
	"fmt"
	"time"
)

// Limits of the waits in Kafka. Each wait is a multiple of the shortest, since the
// name of a topic cannot express finer ones. The longest schedule has fewer steps
// than lead.Mark has room for between a delivery and its replay.
const (
	leastWait    = 100 * ms
	mostWait     = 7 * day
	mostDelays   = 20
	mostSchedule = 12

	// maxRatio is the largest ratio of a delay to the one before it: a wait
	// between the two passes at most so many times through the shorter one's topic.
	maxRatio = 12
)

// delays returns the value of the retry topics' delays.
func delays(field *[]time.Duration) value {
	return waits(field, "ascending", mostDelays, func(before, wait time.Duration) error {
		switch {
		case wait <= before:
			return fmt.Errorf("%s after %s: each must be longer than the one before",
				showDuration(wait), showDuration(before))
		case wait > maxRatio*before:
			return fmt.Errorf("%s after %s: each may be at most %d times as long as the one before",
				showDuration(wait), showDuration(before), maxRatio)
		}
		return nil
	})
}

// schedule returns the value of a delivery's waits.
func schedule(field *[]time.Duration) value {
	return waits(field, "not descending", mostSchedule, func(before, wait time.Duration) error {
		return unless(wait >= before, fmt.Sprintf("%s after %s: none may be shorter than the one before",
			showDuration(wait), showDuration(before)))
	})
}

// waits returns the value of a list of waits. follows returns an error if a wait may
// not follow the one before it.
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
			return "", fmt.Errorf("%d waits are too many: want at most %d", len(all), most)
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
		return 0, fmt.Errorf("%s is too little: want at least %s", s, showDuration(leastWait))
	case d > mostWait:
		return 0, fmt.Errorf("%s is too much: want at most %s", s, showDuration(mostWait))
	case d%leastWait != 0:
		return 0, fmt.Errorf("%s is too fine: want a multiple of 100ms", s)
	}
	return d, nil
}

// waitRules returns the rules about delays and schedule together: no wait of the
// schedule may take longer than it says, or pass through too many topics.
func waitRules(r *Retry) []rule {
	keys := []string{"retry.delays", "retry.schedule"}
	first, last := r.Delays[0], r.Delays[len(r.Delays)-1]
	shortest, longest := r.Schedule[0], r.Schedule[len(r.Schedule)-1]
	return []rule{
		{keys, unless(first <= shortest,
			fmt.Sprintf("begins with %s, so that the first wait of retry.schedule, %s, would take that long",
				showDuration(first), showDuration(shortest)))},
		{keys, unless(last >= longest/maxRatio,
			fmt.Sprintf("ends with %s, so that the last wait of retry.schedule, %s, would go through that topic more than %d times",
				showDuration(last), showDuration(longest), maxRatio))},
		{[]string{"retry.expire", "retry.schedule"}, unless(r.Expire >= shortest,
			fmt.Sprintf("%s is too little: want at least the first wait of retry.schedule, which is %s",
				showDuration(r.Expire), showDuration(shortest)))},
	}
}
