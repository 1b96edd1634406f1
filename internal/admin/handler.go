package admin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

func handler(o Options, checks []Check, g prometheus.Gatherer, log *zap.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", index(o.PProf))
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /readyz", readyz(checks))
	mux.Handle("GET /metrics", metrics(o.Version, g, log))
	if o.PProf {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

func index(withProfiles bool) http.HandlerFunc {
	page := `<!DOCTYPE html>
<title>leadhook</title>
<h1>leadhook</h1>
<ul>
<li><a href="/healthz">/healthz</a>: whether the process is alive
<li><a href="/readyz">/readyz</a>: whether leads are delivered, and if not, why
<li><a href="/metrics">/metrics</a>: for Prometheus
`
	if withProfiles {
		page += `<li><a href="/debug/pprof/">/debug/pprof/</a>: Go's profiles
`
	}
	page += "</ul>\n"
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, page)
	}
}

// healthz does not depend on Kafka and Redis: a restart would not bring them back.
func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ok\n")
}

// readiness is the body of /readyz, indented for a person to read.
type readiness struct {
	Ready  bool          `json:"ready"`
	Checks []checkResult `json:"checks"`
}

type checkResult struct {
	Name  string   `json:"name"`
	Ready bool     `json:"ready"`
	Cause string   `json:"cause,omitempty"`
	Notes []string `json:"notes,omitempty"`
}

// readyz answers 200 if all checks pass, and 503 if one does not.
func readyz(checks []Check) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		state := readiness{Ready: true, Checks: make([]checkResult, len(checks))}
		for i, c := range checks {
			result := checkResult{Name: c.Name, Ready: true}
			if err := c.Ready(); err != nil {
				result.Ready, result.Cause, state.Ready = false, err.Error(), false
			}
			if c.Notes != nil {
				result.Notes = bounded(c.Notes())
			}
			state.Checks[i] = result
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !state.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		body := json.NewEncoder(w)
		body.SetEscapeHTML(false)
		body.SetIndent("", "  ")
		_ = body.Encode(state) // fails only if the client is gone
	}
}

// mostNotes is how many notes of one check are shown.
const mostNotes = 10

// bounded returns the first of many notes, and how many more there are.
func bounded(notes []string) []string {
	if len(notes) <= mostNotes {
		return notes
	}
	return append(slices.Clone(notes[:mostNotes]), fmt.Sprintf("and %d more", len(notes)-mostNotes))
}

// metrics serves the metrics of g and the version of the build. A metric that
// cannot be gathered is logged; the others are served nonetheless.
func metrics(version string, g prometheus.Gatherer, log *zap.Logger) http.Handler {
	return promhttp.HandlerFor(prometheus.Gatherers{buildInfo(version), g}, promhttp.HandlerOpts{
		ErrorLog:            zap.NewStdLog(log),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 8,
	})
}
