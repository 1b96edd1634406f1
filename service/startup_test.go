package service

import (
	"errors"
	"slices"
	"testing"
)

func TestCausesThatComeByTurnsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	var f startup
	var got []bool
	for _, cause := range []string{"broker 1 is away", "broker 2 is away", "broker 1 is away", "broker 2 is away", "no topic"} {
		got = append(got, f.note(errors.New(cause)))
	}
	if want := []bool{true, true, false, false, true}; !slices.Equal(got, want) {
		t.Errorf("logged: got %v, want %v", got, want)
	}
	if err := f.ready(); err == nil || err.Error() != "no topic" {
		t.Errorf("ready: got %v, want the last cause", err)
	}
}
