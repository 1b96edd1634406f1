package limiter

import "time"

// meterSpan is how far back a meter remembers, in seconds.
const meterSpan = 60

// A meter measures how often something happens. The zero value is ready.
type meter struct {
	counts [meterSpan]uint32 // of one second each
	last   int64             // the second that was counted in last, since 1970
	first  int64             // the second that was counted in first, within the span
}

func (m *meter) add(now time.Time) {
	m.forget(now)
	m.counts[m.last%meterSpan]++
}

// forget clears what is older than the span.
func (m *meter) forget(now time.Time) {
	second := now.Unix()
	if second-m.last >= meterSpan { // nothing is remembered
		*m = meter{last: second, first: second}
		return
	}
	for m.last < second {
		m.last++
		m.counts[m.last%meterSpan] = 0
	}
}

// perSecond is the rate over as much of the last minute as is known, and zero
// if nothing happened in it.
func (m *meter) perSecond(now time.Time) float64 {
	m.forget(now)
	sum := uint32(0)
	for _, n := range m.counts {
		sum += n
	}
	known := float64(min(meterSpan-1, m.last-m.first)) + float64(now.Nanosecond())/float64(time.Second)
	return float64(sum) / max(known, 1)
}
