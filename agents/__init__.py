"""Learners: students under a teacher and the jobs that train them."""
