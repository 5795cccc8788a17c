package intake

// HoldAtMost sets how many slot buffers all arrivals hold before memory is tight.
func (in *Intake) HoldAtMost(n int64) { in.held.AtMost(n) }

// Held is how many they hold.
func (in *Intake) Held() int64 { return in.held.Buffers() }
