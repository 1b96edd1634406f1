package rediswatch

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/leadhook/leadhook/internal/wait"
)

// Ready returns nil if nothing was found that makes the service unready, and otherwise
// what it is and what to do. It is not ready before the first look, either.
func (w *Watch) Ready() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, text := range w.texts(func(s severity) bool { return s >= unready }) {
		errs = append(errs, errors.New(text))
	}
	if len(errs) == 0 {
		return w.unknown
	}
	return errors.Join(errs...)
}

// Notes returns what else was found, for a person to read.
func (w *Watch) Notes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.texts(func(s severity) bool { return s < unready })
}

// texts returns the texts of what was found, in a fixed order. The caller holds mu.
func (w *Watch) texts(wanted func(severity) bool) []string {
	var all []string
	for _, node := range slices.Sorted(maps.Keys(w.found)) {
		for k := range kinds {
			text, found := w.found[node][kind(k)]
			switch {
			case !found || !wanted(kinds[k].severity):
			case node == "":
				all = append(all, text)
			default:
				all = append(all, node+": "+text)
			}
		}
	}
	return all
}

// report logs what has begun and what is over. What makes the service unready is logged
// each minute; the rest may be meant to be so, and is logged once.
func (w *Watch) report(before, now map[string]findings) {
	for node, found := range now {
		for k, text := range found {
			_, already := before[node][k]
			if !already || kinds[k].severity >= unready {
				w.outage(place{node, k}).Failed(errors.New(text))
			}
		}
	}
	for at, outage := range w.outages {
		if _, still := now[at.node][at.kind]; !still {
			outage.Recovered()
			delete(w.outages, at)
		}
	}
}

func (w *Watch) outage(at place) *wait.Outage {
	if o, ok := w.outages[at]; ok {
		return o
	}
	fields := []zap.Field{zap.String("problem", kinds[at.kind].name)}
	if at.node != "" {
		fields = append(fields, zap.String("node", at.node))
	}
	var o *wait.Outage
	switch kinds[at.kind].severity {
	case holding, unready:
		o = wait.NewOutage(w.log, zapcore.ErrorLevel,
			"Redis is not as leadhook needs it", "Redis is as leadhook needs it again", fields...)
	case warning:
		o = wait.NewOutage(w.log, zapcore.WarnLevel,
			"Redis needs a look", "Redis no longer needs a look", fields...)
	default:
		o = wait.NewOutage(w.log, zapcore.InfoLevel,
			"Redis could be set up better", "Redis is set up better now", fields...)
	}
	w.outages[at] = o
	return o
}

// A collector is the metric of a Watch. The nodes of a Cluster come and go, so it has no
// values but those of the last look.
type collector struct{ watch *Watch }

var problem = prometheus.NewDesc("leadhook_redis_problem",
	fmt.Sprintf("Whether something is wrong with a Redis: %v. The node is empty for owner, which is about all of them.", names()),
	[]string{"problem", "node"}, nil)

func names() []string {
	var all []string
	for _, k := range kinds {
		all = append(all, k.name)
	}
	return all
}

// Describe implements [prometheus.Collector].
func (c collector) Describe(descs chan<- *prometheus.Desc) { descs <- problem }

// Collect implements [prometheus.Collector].
func (c collector) Collect(metrics chan<- prometheus.Metric) {
	c.watch.mu.Lock()
	defer c.watch.mu.Unlock()
	for node, found := range c.watch.found {
		for k := range kinds {
			if (kind(k) == owner) != (node == "") {
				continue
			}
			value := 0.0
			if _, is := found[kind(k)]; is {
				value = 1
			}
			metrics <- prometheus.MustNewConstMetric(problem, prometheus.GaugeValue, value, kinds[k].name, node)
		}
	}
}
