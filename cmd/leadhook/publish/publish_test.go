package publish

import (
	"fmt"
	"strconv"
	"testing"
)

func TestEveryEventInDoubtIsNamed(t *testing.T) {
	t.Parallel()
	for acked, want := range map[string]string{
		"++++": "[]", "----": "[0 to 3]", "-++-": "[0 3]", "+--+-": "[1 to 2 4]", "-+-+-+-+-+-+-+-": "[0 2 4 6 8 10 12 14]", "": "[]",
	} {
		var each []bool
		for _, mark := range acked {
			each = append(each, mark == '+')
		}
		if got := fmt.Sprint(runs(each, strconv.Itoa)); got != want {
			t.Errorf("acknowledged %q: got %s in doubt, want %s", acked, got, want)
		}
	}
}
