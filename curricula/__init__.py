"""Teachers: they choose tasks and are told returns; they know no environment and no learner."""
