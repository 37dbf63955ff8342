"""Language models that answer: clients, the store of their answers, limits and costs."""
