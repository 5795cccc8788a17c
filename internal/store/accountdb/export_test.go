package accountdb

// InSmallSteps makes databases store little in a transaction and bring terms
// into the index early.
func InSmallSteps(o Options) Options {
	o.steps = steps{batch: testBatch, ripe: 200}
	return o
}
